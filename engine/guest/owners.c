/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many different owners and groups the files of a tree have. */
#include "engine/guest/internal.h"

#include "engine/base/cleanup.h"

#include <fcntl.h>
#include <string.h>

#define DEPTH_MAX 256 /* also the descriptors that are open at once */
#define ENTRIES_MAX (64u << 20)
#define IDS_MAX (1u << 20)
#define FIRST_SLOTS 256u

/* A hash set of 33-bit keys: the id, and whether it is a group's. 0 is a free slot. */
struct id_set {
	uint64_t *slots;
	size_t size; /* a power of two */
	size_t count;
};

static size_t slot_of(const struct id_set *set, uint64_t key)
{
	size_t i = (size_t)((key * 0x9E3779B97F4A7C15ull) >> 20) & (set->size - 1);

	while (set->slots[i] && set->slots[i] != key)
		i = (i + 1) & (set->size - 1);
	return i;
}

static int grow(struct id_set *set)
{
	struct id_set bigger = { .size = set->size ? set->size * 2 : FIRST_SLOTS };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < set->size; i++)
		if (set->slots[i])
			bigger.slots[slot_of(&bigger, set->slots[i])] = set->slots[i];
	bigger.count = set->count;
	free(set->slots);
	*set = bigger;
	return 0;
}

static int add_id(struct id_set *set, uint32_t id, bool is_group)
{
	uint64_t key = ((uint64_t)id << 1 | is_group) + 1;
	size_t i;

	if (set->count * 2 >= set->size) {
		int r = set->count < IDS_MAX ? grow(set) : -VZR_E_LIMIT;

		if (r < 0)
			return r;
	}
	i = slot_of(set, key);
	if (!set->slots[i]) {
		set->slots[i] = key;
		set->count++;
	}
	return 0;
}

/* The directories from the root down to the one that is being read. */
struct walk {
	DIR *dirs[DEPTH_MAX];
	size_t depth;
	uint64_t entries;
	dev_t dev;
	struct id_set ids;
};

static void walk_done(struct walk *walk)
{
	while (walk->depth > 0)
		closedir(walk->dirs[--walk->depth]);
	free(walk->ids.slots);
}

static int push_dir(struct walk *walk, int dirfd, const char *name)
{
	VZR_AUTO_CLOSE int fd = -1;
	struct stat st;

	if (walk->depth == DEPTH_MAX)
		return -VZR_E_LIMIT;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* Something that is mounted there is none of the tree's. */
	if (walk->depth > 0 && st.st_dev != walk->dev)
		return 0;
	walk->dev = st.st_dev;
	walk->dirs[walk->depth] = fdopendir(fd);
	if (!walk->dirs[walk->depth])
		return -errno;
	walk->depth++;
	fd = -1; /* the stream's now */
	return 0;
}

static int visit(struct walk *walk, int dirfd, const char *name)
{
	struct stat st;
	int r;

	if (++walk->entries > ENTRIES_MAX)
		return -VZR_E_LIMIT;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	r = add_id(&walk->ids, st.st_uid, false);
	if (r == 0)
		r = add_id(&walk->ids, st.st_gid, true);
	if (r == 0 && S_ISDIR(st.st_mode))
		r = push_dir(walk, dirfd, name);
	return r;
}

static int step(struct walk *walk)
{
	DIR *dir = walk->dirs[walk->depth - 1];
	const struct dirent *entry;

	errno = 0;
	entry = readdir(dir);
	if (!entry && errno)
		return -errno;
	if (!entry) {
		closedir(dir);
		walk->depth--;
		return 0;
	}
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return 0;
	return visit(walk, dirfd(dir), entry->d_name);
}

int vzr_guest_count_owners(int root_fd, uint64_t *ret_count, struct vzr_error *err)
{
	struct walk walk = { 0 };
	int r = visit(&walk, root_fd, ".");

	while (r == 0 && walk.depth > 0)
		r = step(&walk);
	if (r == 0)
		*ret_count = walk.ids.count;
	walk_done(&walk);
	if (r == -VZR_E_LIMIT)
		return vzr_fail(err, r,
				"the tree is too deep or has too many files or owners to count");
	return r < 0 ? vzr_fail_code(err, r, "cannot count the owners of the tree's files") : 0;
}
