# SPDX-License-Identifier: Apache-2.0
# How our C is compiled: the dialect, the warnings and the hardening of every object of ours.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

add_library(nv_compile INTERFACE)
target_include_directories(nv_compile INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_definitions(nv_compile INTERFACE _GNU_SOURCE NV_VERSION="${PROJECT_VERSION}")
target_compile_options(nv_compile INTERFACE
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wconversion
	-Wundef -Wvla -fstack-protector-strong -fno-common -ffunction-sections -fdata-sections
	$<$<BOOL:${NV_WERROR}>:-Werror>)
target_link_options(nv_compile INTERFACE -pie -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections)
target_link_libraries(nv_compile INTERFACE Threads::Threads)

if(NV_FAULTS)
	target_compile_definitions(nv_compile INTERFACE NV_FAULTS=1)
endif()
if(NV_SANITIZE)
	target_compile_options(nv_compile INTERFACE -fsanitize=${NV_SANITIZE} -fno-omit-frame-pointer
		-fno-sanitize-recover=all)
	target_link_options(nv_compile INTERFACE -fsanitize=${NV_SANITIZE})
else()
	target_compile_options(nv_compile INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()
