# initd_room(NAME [SEES other_rooms...] [LIBRARIES libs...])
# One static library per room, made of every *.cpp in the current folder. SEES is the room's whole
# right to include; tests/contract/layers holds the #include lines against the same table.
function(initd_room name)
  cmake_parse_arguments(ARG "" "" "SEES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(sources)
    add_library(${name} STATIC ${sources})
    # Static rooms end up in PIE and non-PIE programs alike.
    target_compile_options(${name} PRIVATE -fPIE)
    target_link_libraries(${name} PUBLIC initd_options ${ARG_SEES} ${ARG_LIBRARIES})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE initd_options ${ARG_SEES} ${ARG_LIBRARIES})
  endif()
endfunction()
