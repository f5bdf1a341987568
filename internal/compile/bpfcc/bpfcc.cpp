// bpfcc is clang's first pass (`clang -cc1`) for the BPF target and nothing else, linked
// statically so that a compile is not dominated by loading and relocating 150 MB of shared
// libraries. It takes the arguments of `clang -cc1` and gives the same bytes as it. Before them:
//
//	-lean  leaves out debug information that the program does not use (lean.h)
//	-wait  gets ready, then takes the source and further arguments from standard input (waiting.h)
//
// It does what clang's tools/driver/cc1_main.cpp does, less what a jailed one-shot compile of
// one C file does not need: plugins, -mllvm, modules, timers, crash reports.

#include "lean.h"
#include "waiting.h"

#include "clang/Basic/Stack.h"
#include "clang/CodeGen/CodeGenAction.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/CompilerInvocation.h"
#include "clang/Frontend/FrontendActions.h"
#include "clang/Frontend/FrontendDiagnostic.h"
#include "clang/Frontend/TextDiagnosticBuffer.h"
#include "clang/Serialization/InMemoryModuleCache.h"
#include "clang/Serialization/PCHContainerOperations.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/PrettyStackTrace.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <memory>
#include <unistd.h>

using namespace clang;

extern "C" {
void LLVMInitializeBPFTargetInfo();
void LLVMInitializeBPFTarget();
void LLVMInitializeBPFTargetMC();
void LLVMInitializeBPFAsmPrinter();
void LLVMInitializeBPFAsmParser();
}

namespace {

constexpr int exitCompileError = 1;
constexpr int exitUsage = 2;
constexpr int exitBackendError = 70; // what cc1 ends with after report_fatal_error

void initializeBPF() {
  LLVMInitializeBPFTargetInfo();
  LLVMInitializeBPFTarget();
  LLVMInitializeBPFTargetMC();
  LLVMInitializeBPFAsmPrinter();
  LLVMInitializeBPFAsmParser();
}

// The BPF backend reports what it cannot do through report_fatal_error as well as through
// diagnostics; both have to reach the user as an error.
void onFatalError(void *diagnostics, const char *message, bool) {
  static_cast<DiagnosticsEngine *>(diagnostics)
      ->Report(diag::err_fe_error_backend)
      << message;
  _exit(exitBackendError);
}

// An address space limit ends here. abort() lets LLVM's signal handler print which declaration
// was being worked on, which is how the host tells the user where it happened.
void onOutOfMemory(void *, const char *, bool) {
  static const char text[] = "LLVM ERROR: out of memory\n";
  (void)!::write(STDERR_FILENO, text, sizeof text - 1);
  abort();
}

std::unique_ptr<FrontendAction> actionFor(frontend::ActionKind kind, bool lean) {
  switch (kind) {
  case frontend::EmitObj:
    if (lean)
      return std::make_unique<LeanEmitObjAction>();
    return std::make_unique<EmitObjAction>();
  case frontend::GeneratePCH:
    return std::make_unique<GeneratePCHAction>();
  case frontend::ParseSyntaxOnly:
    return std::make_unique<SyntaxOnlyAction>();
  default:
    return nullptr;
  }
}

// Diagnostics about the arguments themselves are buffered: how to print them is one of the
// arguments.
bool readArguments(CompilerInstance &clang, llvm::ArrayRef<const char *> arguments,
                   const char *self) {
  IntrusiveRefCntPtr<DiagnosticIDs> ids(new DiagnosticIDs());
  IntrusiveRefCntPtr<DiagnosticOptions> options(new DiagnosticOptions());
  auto *buffer = new TextDiagnosticBuffer;
  DiagnosticsEngine early(ids, &*options, buffer);
  bool ok = CompilerInvocation::CreateFromArgs(clang.getInvocation(), arguments, early, self);
  clang.createDiagnostics();
  if (!clang.hasDiagnostics())
    return false;
  buffer->FlushDiagnostics(clang.getDiagnostics());
  return ok;
}

// execute runs the action that the arguments ask for. The process ends after it: giving back every node of the
// syntax tree first would take milliseconds and change nothing.
int execute(CompilerInstance &clang, llvm::ArrayRef<const char *> arguments, const char *self, bool lean) {
  if (!readArguments(clang, arguments, self))
    return exitUsage;
  auto action = actionFor(clang.getFrontendOpts().ProgramAction, lean);
  if (!action) {
    llvm::errs() << "bpfcc: only -emit-obj, -emit-pch and -fsyntax-only are built in\n";
    return exitUsage;
  }
  llvm::remove_fatal_error_handler();
  llvm::install_fatal_error_handler(onFatalError, &clang.getDiagnostics());

  bool ok = clang.ExecuteAction(*action);
  llvm::outs().flush();

  llvm::remove_fatal_error_handler();
  (void)action.release();
  return ok ? 0 : exitCompileError;
}

// The name of the precompiled header, which is read before there is a request.
const char *precompiledHeader(llvm::ArrayRef<const char *> arguments) {
  for (; arguments.size() > 1; arguments = arguments.drop_front())
    if (llvm::StringRef(arguments[0]) == "-include-pch")
      return arguments[1];
  return nullptr;
}

int compileRequest(llvm::ArrayRef<const char *> arguments, const char *self, bool lean) {
  bool waiting = !requestIsThere();
  IntrusiveRefCntPtr<InMemoryModuleCache> files(new InMemoryModuleCache);
  if (const char *path = precompiledHeader(arguments)) {
    auto header = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (header && waiting)
      loadFile(**header);
    if (header)
      files->addPCM(path, std::move(*header));
  }
  if (waiting)
    loadProgram(); // takes longer than it saves one compile
  say(wordReady);

  Request request;
  if (!readRequest(request))
    return exitUsage;
  say(wordBegun);
  if (!writeSource(request))
    return exitUsage;
  auto clang = std::make_unique<CompilerInstance>(std::make_shared<PCHContainerOperations>(), files.get());
  llvm::SmallString<0> object;
  clang->setOutputStream(std::make_unique<llvm::raw_svector_ostream>(object));
  llvm::SmallVector<const char *, 128> all(arguments);
  for (const std::string &argument : request.arguments)
    all.push_back(argument.c_str());
  int status = execute(*clang, all, self, lean);
  answer(status, status == 0 ? object.str() : "");
  (void)clang.release();
  return status;
}

int compile(llvm::ArrayRef<const char *> arguments, const char *self, bool lean) {
  auto clang = std::make_unique<CompilerInstance>();
  int status = execute(*clang, arguments, self, lean);
  (void)clang.release();
  return status;
}

// takes tells whether the first of the arguments is the given one, and removes it then.
bool takes(llvm::ArrayRef<const char *> &arguments, llvm::StringRef first) {
  if (arguments.empty() || first != arguments.front())
    return false;
  arguments = arguments.drop_front();
  return true;
}

} // namespace

int main(int argc, char **argv) {
  noteBottomOfStack();
  // On a signal, print what was being compiled. Not the stack as well (PrintStackTraceOnErrorSignal):
  // its handler crashes in a static program without /proc.
  llvm::EnablePrettyStackTrace();
  llvm::install_bad_alloc_error_handler(onOutOfMemory, nullptr);
  llvm::install_out_of_memory_new_handler();

  llvm::ArrayRef<const char *> arguments(argv + 1, argv + argc);
  bool lean = takes(arguments, "-lean");
  bool wait = takes(arguments, "-wait");
  if (!takes(arguments, "-cc1")) {
    llvm::errs() << "usage: bpfcc [-lean] [-wait] -cc1 ARGUMENTS (as `clang -cc1` takes them, BPF target only)\n";
    return exitUsage;
  }
  reserveMemory();
  initializeBPF();
  int status = wait ? compileRequest(arguments, argv[0], lean) : compile(arguments, argv[0], lean);
  llvm::errs().flush();
  _exit(status); // what the destructors of 400 options would give back, the kernel takes at once
}
