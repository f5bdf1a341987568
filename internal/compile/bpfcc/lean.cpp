#include "lean.h"

#include "clang/AST/ASTConsumer.h"
#include "clang/AST/ASTContext.h"
#include "clang/AST/RecursiveASTVisitor.h"
#include "clang/Basic/SourceManager.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Sema/MultiplexExternalSemaSource.h"
#include "llvm/ADT/DenseSet.h"

#include <functional>
#include <string>
#include <vector>

using namespace clang;

namespace {

// The records that debug information has to define.
class Needed {
public:
  bool has(const RecordDecl *record) const { return records.contains(record->getCanonicalDecl()); }

  // A type that the program names or computes with, through any number of pointers: it may look into
  // what they point to, and CO-RE relocations need the definition.
  void addType(QualType type) {
    if (type.isNull())
      return;
    for (;;) {
      type = type.getCanonicalType();
      if (const auto *pointer = type->getAs<PointerType>())
        type = pointer->getPointeeType();
      else if (const ArrayType *array = type->getAsArrayTypeUnsafe())
        type = array->getElementType();
      else
        break;
    }
    if (const auto *record = type->getAs<RecordType>())
      addRecord(record->getDecl());
    else if (const auto *function = type->getAs<FunctionProtoType>())
      addPrototype(function);
  }

private:
  void addPrototype(const FunctionProtoType *function) {
    if (!functions.insert(function).second)
      return;
    addType(function->getReturnType());
    for (QualType parameter : function->param_types())
      addType(parameter);
  }

  // A record, and what it contains without a pointer between.
  void addRecord(const RecordDecl *record) {
    if (!records.insert(record->getCanonicalDecl()).second)
      return;
    const RecordDecl *definition = record->getDefinition();
    if (!definition)
      return;
    for (const FieldDecl *field : definition->fields()) {
      QualType type = field->getType().getCanonicalType();
      while (const ArrayType *array = type->getAsArrayTypeUnsafe())
        type = array->getElementType().getCanonicalType();
      if (const auto *inner = type->getAs<RecordType>())
        addRecord(inner->getDecl());
    }
  }

  llvm::DenseSet<const TagDecl *> records;
  llvm::DenseSet<const FunctionProtoType *> functions;
};

// Collects what the program's own code needs.
class Collector : public RecursiveASTVisitor<Collector> {
public:
  explicit Collector(Needed &needed) : needed(needed) {}

  bool VisitExpr(Expr *expression) {
    // Calls of helpers have the whole prototype as the type of their callee; their arguments and
    // results are visited by themselves.
    QualType type = expression->getType(); // null in the syntactic form of initializers
    if (!type.isNull() && !type->isFunctionPointerType() && !type->isFunctionType())
      needed.addType(type);
    return true;
  }
  bool VisitValueDecl(ValueDecl *declaration) {
    needed.addType(declaration->getType());
    return true;
  }
  // clang builds the bytes of an initialized variable in memory, several times over: it dies of
  // a large one without saying which it was.
  bool VisitVarDecl(VarDecl *variable) {
    const ASTContext &context = variable->getASTContext();
    QualType type = variable->getType();
    if (!variable->hasInit() || type->isIncompleteType() || type->isDependentType())
      return true;
    int64_t size = context.getTypeSizeInChars(type).getQuantity() >> 20;
    if (size > largestVariable) {
      DiagnosticsEngine &diagnostics = context.getDiagnostics();
      diagnostics.Report(variable->getLocation(),
                         diagnostics.getCustomDiagID(DiagnosticsEngine::Error,
                                                     "'%0' takes %1 MiB; an initialized variable "
                                                     "can have %2 MiB at most"))
          << variable->getName() << std::to_string(size) << std::to_string(largestVariable);
    }
    return true;
  }
  bool VisitTypedefNameDecl(TypedefNameDecl *declaration) {
    needed.addType(declaration->getUnderlyingType());
    return true;
  }
  bool VisitTypeLoc(TypeLoc location) {
    needed.addType(location.getType());
    return true;
  }

private:
  static constexpr int64_t largestVariable = 16; // MiB

  Needed &needed;
};

// Tells code generation which records are "defined elsewhere", the way that clang itself does
// for types out of a module that has debug information of its own. Everything else is passed on to
// the source that was there before, the reader of the precompiled header.
class OutsideRecords : public MultiplexExternalSemaSource {
public:
  OutsideRecords(ExternalSemaSource *before, const Needed &needed)
      : MultiplexExternalSemaSource(before, new ExternalSemaSource), needed(needed) {}

  // Not left to the base class, which takes EK_Always (0) for "no answer".
  //
  // The answer makes clang declare the record, with its size: for that it would read all members from
  // the precompiled header. Without a definition it leaves the size out. Nothing else asks for the
  // definition by then: whatever the program's code does with a record makes it needed.
  ExtKind hasExternalDefinitions(const Decl *declaration) override {
    const auto *record = dyn_cast<RecordDecl>(declaration);
    if (!record || needed.has(record))
      return EK_ReplyHazy;
    if (RecordDecl *definition = record->getDefinition())
      definition->setCompleteDefinition(false);
    return EK_Always;
  }

private:
  const Needed &needed;
};

// Holds back code generation until the whole program was seen: what is needed by its last function
// must be known when its first is translated.
class LeanConsumer : public ASTConsumer {
public:
  explicit LeanConsumer(std::unique_ptr<ASTConsumer> next) : next(std::move(next)) {}

  void Initialize(ASTContext &context) override { next->Initialize(context); }

  bool HandleTopLevelDecl(DeclGroupRef group) override {
    for (Decl *declaration : group)
      if (isProgram(declaration))
        Collector(needed).TraverseDecl(declaration);
    held.push_back([this, group] { next->HandleTopLevelDecl(group); });
    return true;
  }
  void HandleInterestingDecl(DeclGroupRef group) override {
    held.push_back([this, group] { next->HandleInterestingDecl(group); });
  }
  void HandleInlineFunctionDefinition(FunctionDecl *function) override {
    held.push_back([this, function] { next->HandleInlineFunctionDefinition(function); });
  }
  void CompleteTentativeDefinition(VarDecl *variable) override {
    held.push_back([this, variable] { next->CompleteTentativeDefinition(variable); });
  }
  // vmlinux.h declares hundreds of kernel functions, each of which would get debug information.
  void CompleteExternalDeclaration(DeclaratorDecl *declaration) override {
    bool used = false;
    for (const Decl *each : declaration->redecls())
      used = used || each->isReferenced() || each->isUsed();
    if (!used)
      return;
    held.push_back([this, declaration] { next->CompleteExternalDeclaration(declaration); });
  }
  void HandleTagDeclDefinition(TagDecl *tag) override {
    held.push_back([this, tag] { next->HandleTagDeclDefinition(tag); });
  }
  void HandleTagDeclRequiredDefinition(const TagDecl *tag) override {
    held.push_back([this, tag] { next->HandleTagDeclRequiredDefinition(tag); });
  }

  void HandleTranslationUnit(ASTContext &context) override {
    if (context.getDiagnostics().hasErrorOccurred())
      held.clear();
    // Without a precompiled header there is no source yet.
    auto *before = static_cast<ExternalSemaSource *>(context.getExternalSource());
    context.setExternalSource(new OutsideRecords(before ? before : new ExternalSemaSource, needed));
    for (const auto &call : held)
      call();
    next->HandleTranslationUnit(context);
  }

private:
  // Declarations in headers name many types that the program does not use. Functions with a body are
  // looked at wherever they are: they may be inlined into the program.
  static bool isProgram(Decl *declaration) {
    if (const auto *function = dyn_cast<FunctionDecl>(declaration))
      if (function->doesThisDeclarationHaveABody())
        return true;
    const SourceManager &sources = declaration->getASTContext().getSourceManager();
    return !sources.isInSystemHeader(sources.getExpansionLoc(declaration->getLocation()));
  }

  std::unique_ptr<ASTConsumer> next;
  Needed needed;
  std::vector<std::function<void()>> held;
};

} // namespace

std::unique_ptr<ASTConsumer> LeanEmitObjAction::CreateASTConsumer(CompilerInstance &clang,
                                                                  llvm::StringRef file) {
  auto next = EmitObjAction::CreateASTConsumer(clang, file);
  if (!next)
    return nullptr;
  return std::make_unique<LeanConsumer>(std::move(next));
}
