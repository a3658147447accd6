// Walking a broadcast operand: runs of its innermost dim, doubled where the next dim only repeats
// them.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/broadcast.h"

#include <algorithm>
#include <cstring>

namespace suan::cpu {
namespace {

// Steps a mixed-radix index, innermost first, after dims[from] has reached its size.
void carry(const std::vector<SeenDim>& dims, int64_t* index, int64_t& offset, size_t from) {
  for (size_t i = from; i + 1 < dims.size() && index[i] == dims[i].size; ++i) {
    offset += dims[i + 1].stride - dims[i].size * dims[i].stride;
    index[i] = 0;
    ++index[i + 1];
  }
}

}  // namespace

Broadcast plan_broadcast(const Type& operand, const Shape& loop, Layout layout) {
  Broadcast out;
  out.load = find_load_function(operand.dtype);
  out.element = size_of(operand.dtype);
  out.dims = seen_dims(operand.shape, loop, layout);
  size_t varying = 0;
  for (size_t i = 0; i < out.dims.size(); ++i) varying = out.dims[i].stride ? i + 1 : varying;
  out.period = 1;
  for (size_t i = 0; i < varying; ++i) out.period *= out.dims[i].size;
  return out;
}

// Copies elements [start, start + n) of the broadcast operand into `to`, as floats.
void gather(const Broadcast& in, const char* from, int64_t start, int64_t n, float* to) {
  const auto& dims = in.dims;
  int64_t index[kMaxRank + 1] = {};
  int64_t offset = 0, rest = start;
  for (size_t i = 0; i < dims.size(); ++i) {
    index[i] = rest % dims[i].size;
    rest /= dims[i].size;
    offset += index[i] * dims[i].stride;
  }
  const int64_t inner = dims[0].size;
  for (int64_t done = 0; done < n;) {
    int64_t run = std::min(n - done, inner - index[0]);
    const char* source = from + static_cast<size_t>(offset) * in.element;
    if (dims[0].stride == 0) {
      in.load(source, to + done, 1);
      std::fill_n(to + done + 1, run - 1, to[done]);
    } else {
      in.load(source, to + done, static_cast<size_t>(run));
    }
    const bool whole = run == inner;
    const float* block = to + done;
    done += run;
    index[0] += run;
    offset += run * dims[0].stride;
    carry(dims, index, offset, 0);
    // A whole line that the next dim only repeats: copy what is there, doubling.
    if (!whole || dims.size() < 2 || dims[1].stride != 0 || index[1] == 0) continue;
    const int64_t repeats = std::min((n - done) / inner, dims[1].size - index[1]);
    for (int64_t have = 1, left = repeats; left > 0;) {
      const int64_t take = std::min(have, left);
      std::memcpy(to + done, block, static_cast<size_t>(take * inner) * sizeof(float));
      done += take * inner;
      have += take;
      left -= take;
    }
    index[1] += repeats;
    carry(dims, index, offset, 1);
  }
}

}  // namespace suan::cpu
