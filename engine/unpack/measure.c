/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts what a tree would take. Directories are remembered by a hash of their path, so that
 * repeated ones count once and missing parents count; other members that replace an earlier one
 * count twice: the figures are never too small.
 */
#include "engine/base/cleanup.h"
#include "engine/unpack/sink.h"

#include <string.h>

#define SLOTS_FIRST 4096u
#define SLOTS_MAX (2u << 20) /* 16 MiB; past half of it directories are not remembered */

struct measure {
	struct vzr_sink sink;
	uint64_t *slots; /* 0: free */
	size_t n_slots;
	size_t used;
};

static uint64_t hash_path(const char *path, size_t len)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)path[i]) * 1099511628211u;
	hash ^= hash >> 29;
	return hash ? hash : 1;
}

static bool put(uint64_t *slots, size_t n_slots, uint64_t hash)
{
	size_t i = (size_t)hash & (n_slots - 1);

	while (slots[i] && slots[i] != hash)
		i = (i + 1) & (n_slots - 1);
	if (slots[i])
		return false;
	slots[i] = hash;
	return true;
}

static int grow(struct measure *m)
{
	size_t n = m->n_slots * 2;
	uint64_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i])
			put(slots, n, m->slots[i]);
	free(m->slots);
	m->slots = slots;
	m->n_slots = n;
	return 0;
}

/* 1 if the directory is new, 0 if it was there. */
static int remember(struct measure *m, const char *path, size_t len, struct vzr_error *err)
{
	if (m->used >= m->n_slots / 2) {
		if (m->n_slots >= SLOTS_MAX)
			return 1;
		if (grow(m) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot measure the archive");
	}
	if (!put(m->slots, m->n_slots, hash_path(path, len)))
		return 0;
	m->used++;
	return 1;
}

static int count_parents(struct measure *m, const char *path, struct vzr_error *err)
{
	const char *last = strrchr(path, '/');

	/* From the deepest up: where one is known, those above it are. */
	while (last) {
		int r = remember(m, path, (size_t)(last - path), err);

		if (r <= 0)
			return r;
		r = vzr_tally_inode(m->sink.tally, VZR_TALLY_KIB, err);
		if (r < 0)
			return r;
		last = memrchr(path, '/', (size_t)(last - path));
	}
	return 0;
}

static int measure_begin(struct vzr_sink *sink, const struct vzr_member *member,
			 struct vzr_error *err)
{
	struct measure *m = (struct measure *)sink;
	int r = count_parents(m, member->path, err);

	if (r < 0 || member->type == VZR_MEMBER_HARDLINK || !member->path[0])
		return r;
	if (member->type == VZR_MEMBER_DIR) {
		r = remember(m, member->path, strlen(member->path), err);
		if (r <= 0)
			return r;
	}
	r = vzr_tally_bytes(sink->tally, member->size, err);
	return r < 0 ? r : vzr_tally_inode(sink->tally, vzr_tally_member_kib(member), err);
}

static int measure_data(struct vzr_sink *sink, const void *data, size_t len, uint64_t offset,
			struct vzr_error *err)
{
	(void)sink;
	(void)data;
	(void)len;
	(void)offset;
	(void)err;
	return 0;
}

static int measure_end(struct vzr_sink *sink, struct vzr_error *err)
{
	(void)sink;
	(void)err;
	return 0;
}

static void measure_free(struct vzr_sink *sink)
{
	struct measure *m = (struct measure *)sink;

	free(m->slots);
	free(m);
}

static const struct vzr_sink_ops measure_ops = {
	.begin = measure_begin,
	.data = measure_data,
	.end = measure_end,
	.finish = measure_end,
	.free = measure_free,
};

int vzr_measure_new(struct vzr_tally *tally, struct vzr_left_out *left_out,
		    struct vzr_sink **ret_sink, struct vzr_error *err)
{
	struct measure *m = calloc(1, sizeof(*m));

	if (m)
		m->slots = calloc(SLOTS_FIRST, sizeof(*m->slots));
	if (!m || !m->slots) {
		free(m);
		return vzr_fail_code(err, -ENOMEM, "cannot measure the archive");
	}
	m->n_slots = SLOTS_FIRST;
	m->sink = (struct vzr_sink){&measure_ops, tally, left_out};
	*ret_sink = &m->sink;
	return 0;
}
