# SPDX-License-Identifier: Apache-2.0
# gRPC's C core. pkg-config has no usable static line (it leaves absl out), so the archives are
# named here; libgrpc_unsecure, since CSI speaks over a Unix socket only.
add_library(GrpcCore INTERFACE)
if(NV_GRPC_STATIC)
	set(archive_dir /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE})
	file(GLOB absl ${archive_dir}/libabsl_*.a)
	file(GLOB upb ${archive_dir}/libupb*.a)
	set(archives "")
	foreach(name grpc_unsecure address_sorting gpr re2 cares z)
		list(APPEND archives ${archive_dir}/lib${name}.a)
	endforeach()
	# The C++ library goes in as well: only gRPC uses it, and its shared form costs each process
	# 1 MiB of memory and the image 2.5 MB. The sanitizers bring their own use of the shared one.
	set(cxx -l:libstdc++.a -static-libgcc)
	if(NV_SANITIZE)
		set(cxx stdc++)
	endif()
	# Of libstdc++ only what gRPC uses: the shared one would cost 1.4 MiB of resident memory.
	set(cxx -Wl,-Bstatic stdc++ -Wl,-Bdynamic -static-libgcc)
	if(NV_SANITIZE)
		set(cxx stdc++)
	endif()
	target_link_libraries(GrpcCore INTERFACE
		-Wl,--start-group ${archives} ${upb} ${absl} -Wl,--end-group ${cxx} m Threads::Threads)
else()
	target_link_libraries(GrpcCore INTERFACE grpc_unsecure gpr)
endif()
