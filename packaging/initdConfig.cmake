# find_package(initd) gives the target initd::libinit.
include(CMakeFindDependencyMacro)
find_dependency(tl-expected)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/initdTargets.cmake)
