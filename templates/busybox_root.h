/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The built-in minimal root around a static busybox, as a deterministic ustar archive. */
#pragma once

#include "engine/base/buf.h"

/** A tar archive being written into memory. Zero-initialised it is empty. */
struct vzr_tar {
	struct vzr_buf buf;
	int result; /**< first error; later calls do nothing */
};

/**
 * Appends one member: @type '0' file, '2' symbolic link to @data, '3' character device (@data is
 * "MAJOR MINOR"), '5' directory. @path is relative and shorter than 100 bytes. Owner 0:0, a fixed
 * time. @len: bytes of a file's @data, else 0. Errors are kept in tar->result.
 */
void vzr_tar_add(struct vzr_tar *tar, char type, const char *path, mode_t mode, const char *data,
		 size_t len);

/** Ends the archive; returns tar->result. */
VZR_MUST_CHECK int vzr_tar_end(struct vzr_tar *tar);

/**
 * Architecture of the program in @data, which must be a static ELF executable for Linux.
 * *ret_arch is static text. -VZR_E_UNSUPPORTED with @path and the reason.
 */
VZR_MUST_CHECK int vzr_elf_check(const char *path, const char *data, size_t len,
				 const char **ret_arch, struct vzr_error *err);

/**
 * Builds the root: @program of @len bytes as bin/busybox, a link for each line of @applets
 * ("usr/bin/awk"), and the files that a system needs to start.
 */
VZR_MUST_CHECK int vzr_busybox_root(const char *program, size_t len, const char *applets,
				    struct vzr_buf *ret_archive);
