// zlib and libzstd behind limits.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>

#include "suan/formats/internal/bytes.h"

namespace suan::formats {
namespace {

constexpr int window_bits(Deflate kind) { return kind == Deflate::gzip ? 15 + 16 : -15; }
constexpr size_t kPiece = size_t{1} << 20;
constexpr size_t kMaxChunk = std::numeric_limits<uInt>::max();

// Appends pieces of at most 1 MiB from `read` to a text until it gives less than asked for.
template <class Read>
std::string collect(std::string_view where, size_t limit, Read&& read) {
  std::string out;
  for (;;) {
    const size_t old = out.size();
    out.resize(old + kPiece);
    const size_t got = read(reinterpret_cast<uint8_t*>(out.data()) + old, kPiece);
    out.resize(old + got);
    if (out.size() > limit) bad_file(where, "unpacks to more than {} bytes", limit);
    if (got < kPiece) return out;
  }
}

}  // namespace

struct Inflater::State {
  z_stream stream{};
  std::string where;
  bool ended = false;
};

Inflater::Inflater(Bytes compressed, Deflate kind, std::string_view where)
    : state_(std::make_unique<State>()) {
  state_->where = where;
  z_stream& stream = state_->stream;
  if (compressed.size() > kMaxChunk) bad_file(where, "has over 4 GiB of compressed data");
  stream.next_in = const_cast<Bytef*>(compressed.data());
  stream.avail_in = static_cast<uInt>(compressed.size());
  if (inflateInit2(&stream, window_bits(kind)) != Z_OK) {
    fail(ErrorCode::kSystem, where, "zlib could not start");
  }
}

Inflater::~Inflater() { inflateEnd(&state_->stream); }

size_t Inflater::read(uint8_t* out, size_t bytes) {
  z_stream& stream = state_->stream;
  size_t done = 0;
  while (done < bytes && !state_->ended) {
    const size_t ask = std::min(bytes - done, kMaxChunk);
    stream.next_out = out + done;
    stream.avail_out = static_cast<uInt>(ask);
    const int status = inflate(&stream, Z_NO_FLUSH);
    done += ask - stream.avail_out;
    if (status == Z_STREAM_END) {
      state_->ended = true;
    } else if (status == Z_BUF_ERROR || (status == Z_OK && stream.avail_out && !stream.avail_in)) {
      bad_file(state_->where, "is truncated: its compressed data ends early");
    } else if (status != Z_OK) {
      bad_file(state_->where, "has damaged compressed data ({})",
               stream.msg ? stream.msg : "unknown error");
    }
  }
  return done;
}

bool is_gzip(Bytes bytes) { return bytes.size() >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b; }

std::string inflate_all(Bytes compressed, Deflate kind, std::string_view where, size_t limit) {
  Inflater inflater(compressed, kind, where);
  return collect(where, limit, [&](uint8_t* out, size_t n) { return inflater.read(out, n); });
}

std::string deflate_all(Bytes bytes, Deflate kind) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits(kind), 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    fail(ErrorCode::kSystem, "deflate", "zlib could not start");
  }
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  size_t in_left = bytes.size();
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  size_t out_left = out.size();
  int status = Z_OK;
  while (status == Z_OK) {
    const size_t in = std::min(in_left, kMaxChunk), room = std::min(out_left, kMaxChunk);
    stream.avail_in = static_cast<uInt>(in);
    stream.avail_out = static_cast<uInt>(room);
    status = deflate(&stream, in == in_left ? Z_FINISH : Z_NO_FLUSH);
    in_left -= in - stream.avail_in;
    out_left -= room - stream.avail_out;
  }
  deflateEnd(&stream);
  if (status != Z_STREAM_END) fail(ErrorCode::kSystem, "deflate", "zlib failed");
  out.resize(out.size() - out_left);
  return out;
}

std::string unzstd(Bytes compressed, std::string_view where, size_t limit) {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  const std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  if (!context) fail(ErrorCode::kSystem, where, "zstd could not start");
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, 27);  // at most 128 MiB of history
  ZSTD_inBuffer in{compressed.data(), compressed.size(), 0};
  size_t hint = 1;  // 0 at the end of a frame
  std::string out = collect(where, limit, [&](uint8_t* data, size_t bytes) {
    ZSTD_outBuffer piece{data, bytes, 0};
    while (piece.pos < piece.size && !(hint == 0 && in.pos == in.size)) {
      const size_t before_in = in.pos, before_out = piece.pos;
      hint = ZSTD_decompressStream(context.get(), &piece, &in);
      if (ZSTD_isError(hint)) {
        bad_file(where, "has damaged zstd data ({})", ZSTD_getErrorName(hint));
      }
      if (hint != 0 && in.pos == before_in && piece.pos == before_out) {
        bad_file(where, "is truncated: its compressed data ends early");
      }
    }
    return piece.pos;
  });
  return out;
}

std::string read_plain_or_gzip(const std::string& path, size_t limit) {
  std::string bytes = read_file(path, limit);
  if (!is_gzip(bytes_of(bytes))) return bytes;
  return inflate_all(bytes_of(bytes), Deflate::gzip, path, limit);
}

}  // namespace suan::formats
