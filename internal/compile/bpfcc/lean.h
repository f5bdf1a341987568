// Debug information for what a program uses, and no more.

#ifndef SKEP_BPFCC_LEAN_H
#define SKEP_BPFCC_LEAN_H

#include "clang/CodeGen/CodeGenAction.h"

#include <memory>

// LeanEmitObjAction compiles to an object whose debug information declares, but does not define,
// those structs and unions that the program only has pointers to and never looks into. For C, clang
// defines every type that can be reached by pointers: from task_struct that is 700 KB of DWARF,
// and four fifths of the time of a compile. The instructions are not affected.
class LeanEmitObjAction : public clang::EmitObjAction {
protected:
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance &clang,
                                                        llvm::StringRef file) override;
};

#endif
