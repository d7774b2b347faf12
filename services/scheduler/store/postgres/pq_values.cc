#include "services/scheduler/store/postgres/pq_values.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace z4j::scheduler::pq {
namespace {

// Dimensions, whether there is a NULL, the type, how many, the first index.
constexpr size_t kArrayHeadBytes = 5 * sizeof(uint32_t);

// PostgreSQL counts microseconds from 2000-01-01 UTC.
constexpr int64_t kEpochUs = 946'684'800'000'000;

template <typename Int>
void Append(std::string& to, Int value) {
  char bytes[sizeof(Int)];
  for (size_t i = 0; i < sizeof(Int); ++i) {
    bytes[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * (sizeof(Int) - 1 - i)));
  }
  to.append(bytes, sizeof(Int));
}

uint64_t ReadBigEndian(const char* from, size_t length) {
  uint64_t value = 0;
  for (size_t i = 0; i < length; ++i) value = value << 8 | static_cast<uint8_t>(from[i]);
  return value;
}

int64_t ToPostgres(absl::Time time) {
  if (time == absl::InfinitePast()) return std::numeric_limits<int64_t>::min();
  if (time == absl::InfiniteFuture()) return std::numeric_limits<int64_t>::max();
  return absl::ToUnixMicros(time) - kEpochUs;
}

absl::Time FromPostgres(int64_t time) {
  if (time == std::numeric_limits<int64_t>::min()) return absl::InfinitePast();
  if (time == std::numeric_limits<int64_t>::max()) return absl::InfiniteFuture();
  return absl::FromUnixMicros(time + kEpochUs);
}

absl::string_view BytesOf(const Uuid& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

Oid ArrayOf(Type element) {
  switch (element) {
    case Type::kBool:
      return 1000;
    case Type::kBytea:
      return 1001;
    case Type::kInt2:
      return 1005;
    case Type::kText:
      return 1009;
    case Type::kInt8:
      return 1016;
    case Type::kTimestamptz:
      return 1185;
    case Type::kUuid:
      return 2951;
    case Type::kJsonb:
      return 3807;
  }
  return 0;
}

// The length of the UTF-8 sequence at the start of `bytes`; 0 if it is none that may be stored.
size_t SequenceLength(absl::string_view bytes) {
  const uint8_t lead = bytes[0];
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() < length) return 0;
  uint32_t code = lead & (0xff >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    const uint8_t next = bytes[i];
    if ((next & 0xc0) != 0x80) return 0;
    code = code << 6 | (next & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < kLeast[length] || code > 0x10ffff || surrogate ? 0 : length;
}

}  // namespace

std::string AsText(absl::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const size_t length = SequenceLength(bytes);
    absl::StrAppend(&text, length == 0 ? "\xEF\xBF\xBD" : bytes.substr(0, length));
    bytes.remove_prefix(std::max<size_t>(length, 1));
  }
  return text;
}

void AppendId(std::string& to, const Uuid& value) {
  to.append(BytesOf(value).data(), value.bytes.size());
}

void AppendTime(std::string& to, absl::Time value) { Append(to, ToPostgres(value)); }

Uuid IdOf(absl::string_view bytes) {
  Uuid id;
  std::copy_n(bytes.data(), std::min(bytes.size(), id.bytes.size()), id.bytes.data());
  return id;
}

absl::Time TimeOf(absl::string_view bytes) {
  return FromPostgres(static_cast<int64_t>(ReadBigEndian(bytes.data(), bytes.size())));
}

ArrayBuilder::ArrayBuilder(Type element) : element_(element), array_(kArrayHeadBytes, 0) {}

void ArrayBuilder::Bool(bool value) { Text({value ? "\1" : "\0", 1}); }

void ArrayBuilder::Int2(int16_t value) {
  ++size_;
  Append<uint32_t>(array_, 2);
  Append(array_, value);
}

void ArrayBuilder::Int8(int64_t value) {
  ++size_;
  Append<uint32_t>(array_, 8);
  Append(array_, value);
}

void ArrayBuilder::Time(absl::Time value) { Int8(ToPostgres(value)); }

void ArrayBuilder::TimeOrNull(absl::Time value) {
  value == absl::InfinitePast() ? Null() : Time(value);
}

void ArrayBuilder::Id(const Uuid& value) { Text(BytesOf(value)); }

void ArrayBuilder::Text(absl::string_view value) {
  ++size_;
  Append<uint32_t>(array_, value.size());
  array_.append(value.data(), value.size());
}

void ArrayBuilder::TextOrNull(absl::string_view value) { value.empty() ? Null() : Text(value); }

void ArrayBuilder::Jsonb(absl::string_view value) {
  ++size_;
  Append<uint32_t>(array_, value.size() + 1);
  array_ += '\1';  // The version of jsonb's binary format.
  array_.append(value.data(), value.size());
}

void ArrayBuilder::Null() {
  ++size_;
  has_null_ = true;
  Append<int32_t>(array_, -1);
}

std::string ArrayBuilder::Finish() && {
  std::string head;
  Append<uint32_t>(head, size_ == 0 ? 0 : 1);  // Dimensions.
  Append<uint32_t>(head, has_null_ ? 1 : 0);
  Append<uint32_t>(head, static_cast<uint32_t>(element_));
  if (size_ == 0) return head;
  Append<uint32_t>(head, size_);
  Append<uint32_t>(head, 1);  // The first index.
  head.copy(array_.data(), kArrayHeadBytes);
  return std::move(array_);
}

Params& Params::Add(Type type, std::string value) {
  types_.push_back(static_cast<Oid>(type));
  values_.push_back(std::move(value));
  return *this;
}

Params& Params::Bool(bool value) { return Add(Type::kBool, std::string(1, value ? '\1' : '\0')); }

Params& Params::Int2(int16_t value) {
  std::string bytes;
  Append(bytes, value);
  return Add(Type::kInt2, std::move(bytes));
}

Params& Params::Int8(int64_t value) {
  std::string bytes;
  Append(bytes, value);
  return Add(Type::kInt8, std::move(bytes));
}

Params& Params::Time(absl::Time value) {
  std::string bytes;
  Append(bytes, ToPostgres(value));
  return Add(Type::kTimestamptz, std::move(bytes));
}

Params& Params::Id(const Uuid& value) { return Add(Type::kUuid, std::string(BytesOf(value))); }
Params& Params::Text(absl::string_view value) { return Add(Type::kText, std::string(value)); }
Params& Params::Bytes(absl::string_view value) { return Add(Type::kBytea, std::string(value)); }

Params& Params::Jsonb(absl::string_view value) {
  return Add(Type::kJsonb, '\1' + std::string(value));
}

Params& Params::Array(ArrayBuilder builder) {
  types_.push_back(ArrayOf(builder.element_));
  values_.push_back(std::move(builder).Finish());
  return *this;
}

std::vector<const char*> Params::Pointers() const {
  std::vector<const char*> pointers;
  pointers.reserve(values_.size());
  for (const std::string& value : values_) pointers.push_back(value.data());
  return pointers;
}

std::vector<int> Params::Lengths() const {
  std::vector<int> lengths;
  lengths.reserve(values_.size());
  for (const std::string& value : values_) lengths.push_back(static_cast<int>(value.size()));
  return lengths;
}

int64_t Result::affected() const {
  int64_t count = 0;
  return absl::SimpleAtoi(PQcmdTuples(result_.get()), &count) ? count : 0;
}

bool Result::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

bool Result::Bool(int row, int column) const { return Int(row, column) != 0; }

int64_t Result::Int(int row, int column) const {
  const absl::string_view bytes = View(row, column);
  const uint64_t value = ReadBigEndian(bytes.data(), bytes.size());
  if (bytes.size() == 2) return static_cast<int16_t>(value);
  if (bytes.size() == 4) return static_cast<int32_t>(value);
  return static_cast<int64_t>(value);
}

absl::Time Result::Time(int row, int column) const {
  return IsNull(row, column) ? absl::InfinitePast() : TimeOf(View(row, column));
}

Uuid Result::Id(int row, int column) const { return IdOf(View(row, column)); }

absl::string_view Result::View(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

std::vector<Uuid> Result::Ids(int row, int column) const {
  constexpr int kHeader = 20, kElement = 4 + 16;  // Arrays of fixed-size elements without NULL.
  std::vector<Uuid> ids;
  const absl::string_view array = View(row, column);
  for (size_t at = kHeader; at + kElement <= array.size(); at += kElement) {
    ids.push_back(IdOf(array.substr(at + 4, 16)));
  }
  return ids;
}

}  // namespace z4j::scheduler::pq
