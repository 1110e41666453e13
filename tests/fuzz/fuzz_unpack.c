/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An archive of any kind, walked in this process without making anything. */
#include "engine/unpack/walk.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BLOCK 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Gives every block that looks like a header its right check sum: chance would never find it. */
static void fix_sums(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
		unsigned int sum = 8 * ' ';
		char text[16];

		if (memcmp(data + at + 257, "ustar", 5) != 0)
			continue;
		for (size_t i = 0; i < BLOCK; i++)
			sum += i >= 148 && i < 156 ? 0 : data[at + i];
		snprintf(text, sizeof(text), "%06o", sum);
		memcpy(data + at + 148, text, 7);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VZR_AUTO_CLOSE int fd = memfd_create("archive", MFD_CLOEXEC);
	struct vzr_context ctx = {0};
	struct vzr_unpack_job job = {.ctx = &ctx, .archive_fd = fd, .tree_fd = -1};
	struct vzr_unpack_result result;
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_walk *walk = NULL;
	VZR_AUTO_FREE uint8_t *copy = malloc(size ? size : 1);
	int r;

	if (fd < 0 || !copy)
		return 0;
	memcpy(copy, data, size);
	fix_sums(copy, size);
	if (vzr_write_all(fd, copy, size) < 0)
		return 0;
	job.limits.bytes = 16 << 20;
	job.limits.ratio = 100;
	if (vzr_walk_new(&job, false, &walk, &err) < 0)
		return 0;
	r = vzr_walk_run(walk, &result, &err);
	/* An error without a sentence, or a success that did not read all, is a defect. */
	if (r < 0 ? !err.msg[0] : result.archive_bytes != size)
		abort();
	vzr_walk_free(walk);
	return 0;
}
