/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writing and finishing a file that was made new. */
#include "engine/unpack/file.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/attr.h"

int vzr_file_write(int fd, const void *data, size_t len, uint64_t offset, struct vzr_error *err)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vzr_fail_errno(err, "cannot write it");
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int finish(int fd, const struct vzr_member *member, uint64_t end, struct vzr_error *err)
{
	struct stat st;
	int r, lost;

	if (end < member->size && ftruncate(fd, (off_t)member->size) < 0)
		return vzr_fail_errno(err, "cannot give it its %llu bytes",
				      (unsigned long long)member->size);
	/* Most files have the right owner and mode from the start: one look tells all of it. */
	lost = vzr_attr_set_time(fd, &member->mtime, &st, err);
	if (lost < 0)
		return lost;
	r = vzr_attr_are(&st, member) ? 0 : vzr_attr_apply(fd, member, err);
	if (r < 0)
		return r;
	if ((uint64_t)st.st_size != member->size)
		return vzr_fail(err, -EIO, "it has %lld bytes instead of %llu",
				(long long)st.st_size, (unsigned long long)member->size);
	return lost;
}

int vzr_file_finish(int fd, const struct vzr_member *member, uint64_t end, struct vzr_error *err)
{
	int r = finish(fd, member, end, err);

	/* A network file system may tell only now that a write failed. */
	if (close(fd) < 0 && r >= 0)
		r = vzr_fail_errno(err, "cannot write it");
	return r;
}
