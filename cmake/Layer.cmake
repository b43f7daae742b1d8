# SPDX-License-Identifier: Apache-2.0
# Layers: each folder is one static library, and says here which layers it may use. A call into a
# layer that is not named does not link (its unit tests link only with what is named), and
# hack/lint holds the #include lines against layers.txt, which is written from the same words.
file(WRITE ${PROJECT_BINARY_DIR}/layers.txt "")

# nv_layer(NAME FOLDER [USES layer...] [LINKS library...] [EXCEPT file...])
function(nv_layer name folder)
	cmake_parse_arguments(L "" "" "USES;LINKS;EXCEPT" ${ARGN})
	file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
	foreach(except ${L_EXCEPT})
		list(REMOVE_ITEM sources ${PROJECT_SOURCE_DIR}/${folder}/${except})
	endforeach()
	if(sources)
		add_library(${name} STATIC ${sources})
		target_link_libraries(${name} PUBLIC nv_compile ${L_USES} ${L_LINKS})
	else()
		add_library(${name} INTERFACE)
		target_link_libraries(${name} INTERFACE nv_compile ${L_USES} ${L_LINKS})
	endif()
	string(JOIN " " uses ${L_USES})
	file(APPEND ${PROJECT_BINARY_DIR}/layers.txt "${name} ${folder} : ${uses}\n")
	nv_unit_tests(${name} ${folder})
endfunction()

# nv_program(NAME FOLDER [USES layer...] [LINKS library...]): main.c of FOLDER is the program, the
# folder's other files are its layer FOLDER_main, so that they can be unit-tested.
function(nv_program name folder)
	nv_layer(${folder}_main ${folder} EXCEPT main.c ${ARGN})
	if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/main.c)
		add_executable(${name} ${PROJECT_SOURCE_DIR}/${folder}/main.c)
		target_link_libraries(${name} PRIVATE ${folder}_main)
		set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
	endif()
endfunction()

# Every test/unit/FOLDER/test_*.c is a test program of its own, linked with its layer only. In those
# named test_failing.c memory and files can fail (Failing.cmake).
function(nv_unit_tests name folder)
	file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/test/unit/${folder}/test_*.c)
	foreach(test ${tests})
		get_filename_component(base ${test} NAME_WE)
		string(REPLACE "/" "_" program "${folder}/${base}")
		add_executable(${program} ${test})
		target_link_libraries(${program} PRIVATE ${name} cmocka)
		target_compile_definitions(${program} PRIVATE NV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
		set_target_properties(${program} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/unit)
		add_test(NAME unit/${folder}/${base} COMMAND ${program})
		set_tests_properties(unit/${folder}/${base} PROPERTIES LABELS unit TIMEOUT 120)
		if(base STREQUAL test_failing)
			nv_failing(${program})
		endif()
	endforeach()
endfunction()
