# Compiler flags of the whole tree. One interface target, linked by every room.
add_library(initd_options INTERFACE)
target_include_directories(initd_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_options(initd_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
  -Wcast-qual -Wformat=2 -Wundef -Wvla -Walloca -Werror=vla -Werror=alloca -Werror
  -Wframe-larger-than=16384
  -fstack-clash-protection -fstack-protector-strong -fno-strict-aliasing)
target_compile_definitions(initd_options INTERFACE _GLIBCXX_ASSERTIONS)
if(INITD_SANITIZE)
  target_compile_options(initd_options INTERFACE
    -fsanitize=${INITD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer
    -Wno-error=frame-larger-than=)
  target_link_options(initd_options INTERFACE -fsanitize=${INITD_SANITIZE})
else()
  target_compile_options(initd_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
endif()
if(INITD_FUZZ)
  target_compile_options(initd_options INTERFACE -fsanitize=fuzzer-no-link)  # a fuzzer sees which branches it takes
endif()
target_link_options(initd_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
# What a program does not use of its rooms stays out of it: its code counts as its memory.
target_compile_options(initd_options INTERFACE $<$<CONFIG:Release>:-ffunction-sections -fdata-sections>)
target_link_options(initd_options INTERFACE $<$<CONFIG:Release>:-Wl,--gc-sections>)

# initd_static(TARGET): the three static programs; a sanitizer cannot be linked statically.
function(initd_static target)
  if(INITD_STATIC AND NOT INITD_SANITIZE)
    if(ARGN STREQUAL "PIE")
      target_compile_options(${target} PRIVATE -fPIE)
      target_link_options(${target} PRIVATE -static-pie)
    else()
      target_link_options(${target} PRIVATE -static -no-pie)
    endif()
  endif()
endfunction()
