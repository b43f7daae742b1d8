# SPDX-License-Identifier: Apache-2.0
# Test programs whose allocations and operations on files can fail; see test/failing/failing.h.
add_library(failing OBJECT EXCLUDE_FROM_ALL
	${PROJECT_SOURCE_DIR}/test/failing/failing.c ${PROJECT_SOURCE_DIR}/test/failing/wraps.c)
target_link_libraries(failing PUBLIC nv_compile cmocka)

# nv_failing(PROGRAM): PROGRAM, a unit test by the name of its target.
function(nv_failing program)
	file(STRINGS ${PROJECT_SOURCE_DIR}/test/failing/wraps.c lines REGEX "^(WRAP\\(|int __wrap_)")
	foreach(line ${lines})
		string(REGEX MATCH "^WRAP\\([A-Z]+, [^,]+, [^,]+, ([a-z0-9]+)|^int __wrap_([a-z]+)" _ "${line}")
		list(APPEND wraps -Wl,--wrap=${CMAKE_MATCH_1}${CMAKE_MATCH_2})
	endforeach()
	list(REMOVE_DUPLICATES wraps)
	target_link_libraries(${program} PRIVATE failing)
	target_link_options(${program} PRIVATE ${wraps})
endfunction()
