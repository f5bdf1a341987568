#include "waiting.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

// linux/mman.h, since 5.14; older kernels refuse it, and pages come one by one.
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

// The linker's names for where the program begins and ends.
extern "C" char __executable_start, end;

namespace {

constexpr size_t heap = 8 << 20;
constexpr size_t heapStep = 4 << 20;
constexpr size_t requestLimit = 64 << 20; // the host sends less; what is over it is cut off

void advise(const void *begin, size_t size, int advice) {
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  uintptr_t first = reinterpret_cast<uintptr_t>(begin) & ~(page - 1);
  uintptr_t last = reinterpret_cast<uintptr_t>(begin) + size;
  (void)madvise(reinterpret_cast<void *>(first), last - first, advice);
}

bool writeAll(int file, llvm::StringRef text) {
  while (!text.empty()) {
    ssize_t n = ::write(file, text.data(), text.size());
    if (n < 0 && errno != EINTR)
      return false;
    text = text.drop_front(n > 0 ? static_cast<size_t>(n) : 0);
  }
  return true;
}

void reply(llvm::StringRef text) {
  if (!writeAll(STDOUT_FILENO, text))
    _exit(1); // whoever asked has gone
}

} // namespace

void reserveMemory() {
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(heap * 2));
  mallopt(M_TOP_PAD, static_cast<int>(heapStep));
  void *block = malloc(heap);
  if (!block)
    return;
  advise(block, heap, MADV_HUGEPAGE);
  advise(block, heap, MADV_POPULATE_WRITE);
  free(block); // stays with the allocator
}

void loadProgram() {
  advise(&__executable_start, static_cast<size_t>(&end - &__executable_start), MADV_POPULATE_READ);
}

void loadFile(const llvm::MemoryBuffer &file) {
  advise(file.getBufferStart(), file.getBufferSize(), MADV_POPULATE_READ);
}

void say(char word) { reply(llvm::StringRef(&word, 1)); }

bool requestIsThere() {
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  return ::poll(&input, 1, 0) > 0;
}

bool readRequest(Request &request) {
  // Not memory of the heap, whose layout would depend on the pieces in which the request comes (fixed.cpp).
  void *room = mmap(nullptr, requestLimit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED)
    return false;
  auto *all = static_cast<char *>(room);
  size_t size = 0;
  while (size < requestLimit) {
    ssize_t n = ::read(STDIN_FILENO, all + size, requestLimit - size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    size += static_cast<size_t>(n);
  }
  llvm::StringRef rest(all, size);
  for (;;) {
    size_t length = rest.find('\0');
    if (length == llvm::StringRef::npos)
      return false;
    llvm::StringRef argument = rest.take_front(length);
    rest = rest.drop_front(length + 1);
    if (argument.empty())
      break;
    request.arguments.push_back(argument.str());
  }
  if (request.arguments.empty())
    return false;
  request.source = rest;
  return true;
}

bool writeSource(const Request &request) {
  int file = ::open(request.arguments.back().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  if (file >= 0 && writeAll(file, request.source) && ::close(file) == 0)
    return true;
  llvm::errs() << "bpfcc: write " << request.arguments.back() << ": " << strerror(errno) << "\n";
  return false;
}

void answer(int status, llvm::StringRef object) {
  char head[17];
  head[0] = static_cast<char>(status);
  llvm::support::endian::write64le(head + 1, llvm::errs().tell());
  llvm::support::endian::write64le(head + 9, object.size());
  reply(llvm::StringRef(head, sizeof head));
  reply(object);
}
