/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counts what a tree would take, and refuses of it what needs no tree to be seen. Members are
 * remembered by a hash of their path and by their kind. Directories that are repeated count once
 * and missing parents count; other members that replace an earlier one count twice: the figures
 * are never too small.
 */
#include "engine/base/cleanup.h"
#include "engine/unpack/sink.h"
#include "engine/unpack/text.h"

#include <string.h>

#define SLOTS_FIRST 4096u
#define SLOTS_MAX (2u << 20) /* 16 MiB; past half of it nothing new is remembered */
#define FILES_MAX (SLOTS_MAX / 4) /* the rest is for directories, without which sizes grow */

/* In the two lowest bits of a slot. */
enum kind { KIND_UNKNOWN, KIND_DIRECTORY, KIND_OTHER };
#define KIND_MASK 3u

struct measure {
	struct vzr_sink sink;
	uint64_t *slots; /* hash and kind; 0: free */
	size_t n_slots;
	size_t used;
	bool forgot; /* something was not remembered: unknown need not mean absent */
};

static uint64_t hash_path(const char *path, size_t len)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)path[i]) * 1099511628211u;
	hash ^= hash >> 29;
	hash &= ~(uint64_t)KIND_MASK;
	return hash ? hash : KIND_MASK + 1;
}

/* The slot of @hash, or the free one that it would take. */
static uint64_t *find(uint64_t *slots, size_t n_slots, uint64_t hash)
{
	size_t i = (size_t)(hash >> 2) & (n_slots - 1);

	while (slots[i] && (slots[i] & ~(uint64_t)KIND_MASK) != hash)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

static enum kind kind_of(const struct measure *m, const char *path, size_t len)
{
	return (enum kind)(*find(m->slots, m->n_slots, hash_path(path, len)) & KIND_MASK);
}

static int grow(struct measure *m)
{
	size_t n = m->n_slots * 2;
	uint64_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->n_slots; i++)
		if (m->slots[i])
			*find(slots, n, m->slots[i] & ~(uint64_t)KIND_MASK) = m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->n_slots = n;
	return 0;
}

/* 1 if the path is new, 0 if it was there. */
static int remember(struct measure *m, const char *path, size_t len, enum kind kind,
		    struct vzr_error *err)
{
	uint64_t hash = hash_path(path, len);
	uint64_t *slot = find(m->slots, m->n_slots, hash);
	bool known = *slot != 0;
	size_t most = kind == KIND_DIRECTORY ? SLOTS_MAX / 2 : FILES_MAX;

	if (!known && m->used >= most) {
		m->forgot = true;
		return 1;
	}
	if (!known && m->used >= m->n_slots / 2) {
		if (grow(m) < 0)
			return vzr_fail_code(err, -ENOMEM, "cannot measure the archive");
		slot = find(m->slots, m->n_slots, hash);
	}
	*slot = hash | (uint64_t)kind;
	m->used += !known;
	return !known;
}

static int count_parents(struct measure *m, const char *path, struct vzr_error *err)
{
	const char *last = strrchr(path, '/');

	/* From the deepest up: where one is known, those above it are. */
	while (last) {
		size_t len = (size_t)(last - path);
		enum kind kind = kind_of(m, path, len);
		int r;

		if (kind == KIND_DIRECTORY)
			return 0;
		if (kind == KIND_OTHER) {
			char parent[VZR_MEMBER_PATH_MAX + 1], name[VZR_BRIEF];

			memcpy(parent, path, len);
			parent[len] = '\0';
			vzr_brief(parent, name);
			return vzr_fail(err, -VZR_E_REFUSED,
					"its parent '%s' is a link or a file, not a directory",
					name);
		}
		r = remember(m, path, len, KIND_DIRECTORY, err);
		if (r == 1)
			r = vzr_tally_inode(m->sink.tally, VZR_TALLY_KIB, err);
		if (r < 0)
			return r;
		last = memrchr(path, '/', len);
	}
	return 0;
}

static int check_hardlink(const struct measure *m, const struct vzr_member *member,
			  struct vzr_error *err)
{
	enum kind kind = kind_of(m, member->link, strlen(member->link));
	char name[VZR_BRIEF];

	vzr_brief(member->link, name);
	if (kind == KIND_DIRECTORY)
		return vzr_fail(err, -VZR_E_REFUSED, "a hard link to '%s', which is a directory",
				name);
	if (kind == KIND_UNKNOWN && !m->forgot)
		return vzr_fail(err, -VZR_E_REFUSED,
				"a hard link to '%s', which the archive did not make before", name);
	return 0;
}

static int measure_begin(struct vzr_sink *sink, const struct vzr_member *member,
			 struct vzr_error *err)
{
	struct measure *m = (struct measure *)sink;
	bool is_dir = member->type == VZR_MEMBER_DIR;
	int r = count_parents(m, member->path, err);

	if (r == 0 && member->type == VZR_MEMBER_HARDLINK)
		r = check_hardlink(m, member, err);
	if (r < 0 || !member->path[0])
		return r;
	r = remember(m, member->path, strlen(member->path), is_dir ? KIND_DIRECTORY : KIND_OTHER,
		     err);
	if (r < 0 || member->type == VZR_MEMBER_HARDLINK || (is_dir && r == 0))
		return r < 0 ? r : 0;
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

static int measure_end(struct vzr_sink *sink, struct vzr_member **member, struct vzr_error *err)
{
	(void)sink;
	(void)member;
	(void)err;
	return 0;
}

static int measure_finish(struct vzr_sink *sink, struct vzr_error *err)
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
	.drain = measure_finish,
	.finish = measure_finish,
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
	m->sink = (struct vzr_sink){.ops = &measure_ops, .tally = tally, .left_out = left_out};
	*ret_sink = &m->sink;
	return 0;
}
