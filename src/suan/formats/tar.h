// Tar archives in memory: the names and bytes of their files, nothing ever unpacked onto the disk.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace suan::formats {

struct TarEntry {
  std::string name;  // as in the archive
  std::span<const uint8_t> data;
};

// The regular files of a tar archive (ustar, GNU long names, pax paths), in its order; folders,
// links and devices are passed over. The spans point into `bytes`. Throws Error(kBadFile).
std::vector<TarEntry> tar_entries(std::span<const uint8_t> bytes, std::string_view where);

}  // namespace suan::formats
