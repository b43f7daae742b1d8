# SPDX-License-Identifier: Apache-2.0
# The Debian package of nvmetcp-target, for machines that have disks to give. hack/package makes it.
# The plugins are no part of it: they are installed as images.
find_program(NV_GZIP gzip REQUIRED)
execute_process(COMMAND ${NV_GZIP} -9nc ${PROJECT_SOURCE_DIR}/deploy/debian/changelog
	OUTPUT_FILE ${PROJECT_BINARY_DIR}/changelog.gz COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS deploy/debian/changelog)

set(doc share/doc/nvmetcp-target)
install(TARGETS nvmetcp-target RUNTIME DESTINATION sbin COMPONENT target)
install(FILES deploy/nvmetcp-target.service DESTINATION lib/systemd/system COMPONENT target)
install(FILES deploy/57-nvmetcp-target.rules DESTINATION lib/udev/rules.d COMPONENT target)
install(FILES docs/target.md deploy/debian/copyright ${PROJECT_BINARY_DIR}/changelog.gz
	DESTINATION ${doc} COMPONENT target)
install(FILES deploy/target.json DESTINATION ${doc}/examples COMPONENT target)
# No file in it: which addresses and pools there are, only the administrator knows. It will hold
# a token and a key.
install(DIRECTORY DESTINATION /etc/nvmetcp COMPONENT target
	DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)

set(CPACK_GENERATOR DEB)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};${PROJECT_NAME};target;/")
set(CPACK_PACKAGE_NAME nvmetcp-target)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The nvmetcp-csi project <nvmetcp-csi@localhost>")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# What it runs: modprobe in the unit, nft as its gate.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "kmod, nftables")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "xfsprogs | btrfs-progs | lvm2")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "lvm2, thin-provisioning-tools")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "volumes of this machine over NVMe/TCP
nvmetcp-target makes volumes, snapshots and clones as files on XFS or btrfs or in
thin pools of LVM, and exports them by the kernel's own NVMe/TCP target. The data
path is the kernel's; the agent has an HTTPS API, by which the nvmetcp-csi driver
gives the volumes to Kubernetes, and builds the exports up again after a reboot.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
	${PROJECT_SOURCE_DIR}/deploy/debian/postinst
	${PROJECT_SOURCE_DIR}/deploy/debian/prerm
	${PROJECT_SOURCE_DIR}/deploy/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
