// LLVM's table of the strings in BTF looks through all of them each time that one is added: a quarter
// of the time of a compile that names a few hundred kernel types. This is the same function with an index. build.sh
// makes LLVM's own give way to it.

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace llvm {

// As in lib/Target/BPF/BTFDebug.h of LLVM 19, which is not installed.
class BTFStringTable {
  uint32_t Size;
  std::map<uint32_t, uint32_t> OffsetToIdMap;
  std::vector<std::string> Table;

public:
  uint32_t addString(StringRef S);
};

uint32_t BTFStringTable::addString(StringRef S) {
  // There is one table, as a process compiles once.
  static StringMap<uint32_t> offsets;

  auto [entry, added] = offsets.try_emplace(S, Size);
  if (!added)
    return entry->second;
  OffsetToIdMap[Size] = Table.size();
  Table.push_back(S.str());
  Size += S.size() + 1;
  return entry->second;
}

} // namespace llvm
