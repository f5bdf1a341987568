// What a compiler does that was started before there was anything to compile: it gets everything
// ready, says so, and takes one source from standard input.

#ifndef SKEP_BPFCC_WAITING_H
#define SKEP_BPFCC_WAITING_H

#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace llvm {
class MemoryBuffer;
}

// Request is what comes through standard input: arguments, each ended by a zero byte; an empty one; the source up to
// the end. The last argument is the source's name.
struct Request {
  std::vector<std::string> arguments;
  llvm::StringRef source;
};

// reserveMemory takes the heap that a usual program needs in large pages. One by one, its pages would
// cost a tenth of a compile.
void reserveMemory();

// loadProgram and loadFile have the kernel map the whole of this program and of a file now.
void loadProgram();
void loadFile(const llvm::MemoryBuffer &file);

// The words on standard output, a byte each: everything is ready; the request was read.
constexpr char wordReady = 'r';
constexpr char wordBegun = 'b';

void say(char word);

// requestIsThere tells whether there is anything to read yet.
bool requestIsThere();

// readRequest waits for it. False if standard input ended without one.
bool readRequest(Request &request);

// writeSource puts the source where its name says, in the working directory: code generation reads it once
// more, for the lines that the verifier shows. False if it cannot.
bool writeSource(const Request &request);

// answer writes to standard output, integers least significant byte first: the status in a byte, the number of
// bytes that went to standard error and that of the object's in eight each, the object.
void answer(int status, llvm::StringRef object);

#endif
