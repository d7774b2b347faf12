#ifndef Z4J_SCHEDULER_STORE_POSTGRES_PQ_VALUES_H_
#define Z4J_SCHEDULER_STORE_POSTGRES_PQ_VALUES_H_

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/uuid.h"

// Values on their way to and from PostgreSQL, in its binary format: a thousand rows are a handful
// of arrays, and nothing is quoted or parsed.
namespace z4j::scheduler::pq {

// Types by their fixed numbers in PostgreSQL's catalogue.
enum class Type : Oid {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kText = 25,
  kTimestamptz = 1184,
  kUuid = 2950,
  kJsonb = 3802,
};

// `bytes` as PostgreSQL can store text: NUL and what is not UTF-8 become U+FFFD.
std::string AsText(absl::string_view bytes);

// Single values as they stand in rows, and in our own packed columns.
void AppendId(std::string& to, const Uuid& value);   // 16 bytes
void AppendTime(std::string& to, absl::Time value);  // 8 bytes
Uuid IdOf(absl::string_view bytes);
absl::Time TimeOf(absl::string_view bytes);

// The elements of one array parameter, one call per element.
class ArrayBuilder {
 public:
  explicit ArrayBuilder(Type element);

  void Bool(bool value);
  void Int2(int16_t value);
  void Int8(int64_t value);
  void Time(absl::Time value);        // Infinite times become 'infinity' and '-infinity'.
  void TimeOrNull(absl::Time value);  // InfinitePast() becomes NULL.
  void Id(const Uuid& value);
  void Text(absl::string_view value);        // Also for bytea.
  void TextOrNull(absl::string_view value);  // "" becomes NULL.
  void Jsonb(absl::string_view value);

 private:
  friend class Params;
  void Null();
  // The array as PostgreSQL wants it.
  std::string Finish() &&;

  Type element_;
  uint32_t size_ = 0;
  bool has_null_ = false;
  std::string array_;  // Room for its head, and the elements.
};

// The parameters of one statement, $1 first.
class Params {
 public:
  Params& Bool(bool value);
  Params& Int2(int16_t value);
  Params& Int8(int64_t value);
  Params& Time(absl::Time value);
  Params& Id(const Uuid& value);
  Params& Text(absl::string_view value);
  Params& Bytes(absl::string_view value);
  Params& Jsonb(absl::string_view value);

  // An array with an element for each of `items`: add(builder, item).
  template <typename Items, typename Add>
  Params& Array(Type element, const Items& items, Add add) {
    ArrayBuilder builder(element);
    for (const auto& item : items) add(builder, item);
    return Array(std::move(builder));
  }
  Params& Array(ArrayBuilder builder);

  int size() const { return static_cast<int>(values_.size()); }
  const std::vector<Oid>& types() const { return types_; }
  // As libpq takes them; valid until the next change.
  std::vector<const char*> Pointers() const;
  std::vector<int> Lengths() const;
  // All ones: every parameter is binary.
  std::vector<int> Formats() const { return std::vector<int>(values_.size(), 1); }

 private:
  Params& Add(Type type, std::string value);

  std::vector<Oid> types_;
  std::vector<std::string> values_;
};

// The rows that one statement returned.  Columns are read by number; a NULL reads as 0, "" or
// InfinitePast().
class Result {
 public:
  explicit Result(PGresult* result) : result_(result, &PQclear) {}

  int rows() const { return PQntuples(result_.get()); }
  // Rows that an INSERT, UPDATE or DELETE touched.
  int64_t affected() const;
  bool IsNull(int row, int column) const;
  bool Bool(int row, int column) const;
  int64_t Int(int row, int column) const;  // int2, int4 and int8.
  absl::Time Time(int row, int column) const;
  Uuid Id(int row, int column) const;
  absl::string_view View(int row, int column) const;  // text and bytea; valid as long as this.
  std::string Text(int row, int column) const { return std::string(View(row, column)); }
  std::vector<Uuid> Ids(int row, int column) const;  // uuid[]

 private:
  std::unique_ptr<PGresult, decltype(&PQclear)> result_;
};

}  // namespace z4j::scheduler::pq

#endif  // Z4J_SCHEDULER_STORE_POSTGRES_PQ_VALUES_H_
