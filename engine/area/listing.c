/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories read in parts: memory is bounded, and a disk reads forwards. */
#include "engine/area/listing.h"

#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <string.h>

#define FIRST_ENTRIES 64
#define FIRST_NAMES 2048

int vzr_listing_open(int fd, DIR **ret_stream, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (own < 0)
		return vzr_fail_errno(err, "cannot open the directory");
	*ret_stream = fdopendir(own);
	if (!*ret_stream)
		return vzr_fail_errno(err, "cannot read the directory");
	vzr_take_fd(own);
	return 0;
}

static int add(struct vzr_listing *listing, uint64_t ino, unsigned char type, const char *name)
{
	size_t len = strlen(name) + 1;

	if (listing->count == listing->size) {
		size_t size = listing->size ? listing->size * 2 : FIRST_ENTRIES;
		void *more = reallocarray(listing->entries, size, sizeof(*listing->entries));

		if (!more)
			return -ENOMEM;
		listing->entries = more;
		listing->size = size;
	}
	if (listing->names_len + len > listing->names_size) {
		size_t size = listing->names_size ? listing->names_size * 2 : FIRST_NAMES;
		char *more = realloc(listing->names, size);

		if (!more)
			return -ENOMEM;
		listing->names = more;
		listing->names_size = size;
	}
	memcpy(listing->names + listing->names_len, name, len);
	listing->entries[listing->count++] =
		(struct vzr_listed){ ino, (uint32_t)listing->names_len, type };
	listing->names_len += len;
	return 0;
}

static int by_ino(const void *a, const void *b, void *names)
{
	const struct vzr_listed *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return strcmp((const char *)names + x->name, (const char *)names + y->name);
}

int vzr_listing_read(DIR *stream, struct vzr_listing *listing, struct vzr_error *err)
{
	const struct dirent *e;

	errno = 0;
	while (listing->count < VZR_LISTING_MAX && (e = readdir(stream))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (add(listing, e->d_ino, e->d_type, e->d_name) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot read the directory");
		errno = 0;
	}
	if (errno)
		return vzr_fail_errno(err, "cannot read the directory");
	if (listing->count > 1)
		qsort_r(listing->entries, listing->count, sizeof(*listing->entries), by_ino,
			listing->names);
	return listing->count == VZR_LISTING_MAX;
}

int vzr_listing_slice(const struct vzr_listing *listing, size_t begin, size_t count,
		      struct vzr_listing *ret_slice)
{
	struct vzr_listing slice = { 0 };

	for (size_t i = begin; i < begin + count; i++) {
		const struct vzr_listed *e = &listing->entries[i];

		if (add(&slice, e->ino, e->type, vzr_listed_name(listing, e)) < 0) {
			vzr_listing_done(&slice);
			return -ENOMEM;
		}
	}
	*ret_slice = slice;
	return 0;
}

const char *vzr_listed_name(const struct vzr_listing *listing, const struct vzr_listed *entry)
{
	return listing->names + entry->name;
}

void vzr_listing_done(struct vzr_listing *listing)
{
	free(listing->entries);
	free(listing->names);
	*listing = (struct vzr_listing){ 0 };
}
