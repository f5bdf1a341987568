// bpfcc is clang's first pass (`clang -cc1`) for the BPF target and nothing else, linked
// statically so that a compile is not dominated by loading and relocating 150 MB of shared
// libraries. It takes the arguments of `clang -cc1` and gives the same bytes as it. With -lean
// before them it leaves out debug information that the program does not use (lean.h).
//
// It does what clang's tools/driver/cc1_main.cpp does, less what a jailed one-shot compile of
// one C file does not need: plugins, -mllvm, modules, timers, crash reports.

#include "lean.h"

#include "clang/Basic/Stack.h"
#include "clang/CodeGen/CodeGenAction.h"
#include "clang/Frontend/CompilerInstance.h"
#include "clang/Frontend/CompilerInvocation.h"
#include "clang/Frontend/FrontendActions.h"
#include "clang/Frontend/FrontendDiagnostic.h"
#include "clang/Frontend/TextDiagnosticBuffer.h"
#include "llvm/Support/ErrorHandling.h"
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

int compile(llvm::ArrayRef<const char *> arguments, const char *self, bool lean) {
  auto clang = std::make_unique<CompilerInstance>();
  if (!readArguments(*clang, arguments, self))
    return exitUsage;

  auto action = actionFor(clang->getFrontendOpts().ProgramAction, lean);
  if (!action) {
    llvm::errs() << "bpfcc: only -emit-obj, -emit-pch and -fsyntax-only are built in\n";
    return exitUsage;
  }
  llvm::remove_fatal_error_handler();
  llvm::install_fatal_error_handler(onFatalError, &clang->getDiagnostics());

  bool ok = clang->ExecuteAction(*action);
  llvm::outs().flush();

  // The process ends now: giving back every node of the syntax tree first takes milliseconds
  // and changes nothing.
  llvm::remove_fatal_error_handler();
  (void)action.release();
  (void)clang.release();
  return ok ? 0 : exitCompileError;
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
  bool lean = !arguments.empty() && llvm::StringRef(arguments.front()) == "-lean";
  if (lean)
    arguments = arguments.drop_front();
  if (arguments.empty() || llvm::StringRef(arguments.front()) != "-cc1") {
    llvm::errs() << "usage: bpfcc [-lean] -cc1 ARGUMENTS (as `clang -cc1` takes them, BPF target only)\n";
    return exitUsage;
  }
  initializeBPF();
  return compile(arguments.drop_front(), argv[0], lean);
}
