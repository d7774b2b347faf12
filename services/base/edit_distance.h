#ifndef Z4J_BASE_EDIT_DISTANCE_H_
#define Z4J_BASE_EDIT_DISTANCE_H_

#include <algorithm>
#include <vector>

#include "absl/strings/string_view.h"

namespace z4j {

// How many bytes must be changed, added or dropped to make `a` of `b` (Levenshtein): to find what
// someone may have meant.
inline int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j < row.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace z4j

#endif  // Z4J_BASE_EDIT_DISTANCE_H_
