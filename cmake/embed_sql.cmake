# Builds the *.sql files of `folder`, sorted by name, into a source file that defines
#
#   absl::Span<const Migration> z4j::scheduler::<function>()
#
# as `header` declares it.  The source is <output>.cc in the current binary folder.
function(z4j_embed_sql output function folder header)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*.sql)
  list(SORT files)
  set(rows "")
  foreach(file IN LISTS files)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(READ ${file} sql)
    get_filename_component(name ${file} NAME_WE)
    string(APPEND rows "      {\"${name}\", R\"~sql~(${sql})~sql~\"},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${output}.cc @ONLY CONTENT
"#include \"@header@\"

namespace z4j::scheduler {

absl::Span<const Migration> @function@() {
  static const auto* const migrations = new std::vector<Migration>{
@rows@  };
  return *migrations;
}

}  // namespace z4j::scheduler
")
endfunction()
