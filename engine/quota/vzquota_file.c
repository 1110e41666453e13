/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzquota's quota file, version 3: sections without padding between them, little endian. */
#include "engine/quota/vzquota_file.h"

#include "engine/base/cleanup.h"

#include <string.h>

#define MAGIC_V3 0xFEDCBC27u
#define MAGIC_V2 0xFEDCBB00u
#define MAGIC_V1 0xFEDCBA98u
#define HEADER_SIZE 8
#define CHECKSUM_SIZE 8
#define PATH_MAX_LEN 4096

/*
 * Sizes and offsets of the C structs in the two ABIs: "long" (time_t, size_t) is 8 or 4 bytes,
 * and a 64-bit member is aligned to 8 on x86_64 but to 4 on i386.
 */
struct layout {
	size_t long_size;
	size_t stat_size;   /* struct dq_stat */
	size_t stat_ihard;  /* ihardlimit; isoftlimit follows it */
	size_t info_size;   /* struct dq_info; iexpire is at long_size */
	size_t ugid_info;   /* struct ugid_info: four 32-bit numbers, two dq_info */
	size_t record_size; /* struct ugid_obj: id, type, dq_stat, flags */
};

static const struct layout layouts[] = {
	[VZR_VZQUOTA_X86_64] = { 8, 56, 32, 24, 64, 72 },
	[VZR_VZQUOTA_I386] = { 4, 44, 28, 12, 40, 56 },
};

void vzr_vzquota_file_done(struct vzr_vzquota_file *file)
{
	free(file->path);
	free(file->records);
	*file = (struct vzr_vzquota_file){ 0 };
}

/* ---- writing ---- */

static void put(unsigned char *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

static void put_stat(unsigned char *at, const struct layout *l, const struct vzr_vzquota_stat *stat)
{
	put(at, stat->block_hard, 8);
	put(at + 8, stat->block_soft, 8);
	put(at + l->stat_ihard, stat->inode_hard, 4);
	put(at + l->stat_ihard + 4, stat->inode_soft, 4);
}

static void put_grace(unsigned char *at, const struct layout *l,
		      const struct vzr_vzquota_grace *grace)
{
	put(at, grace->block_s, l->long_size);
	put(at + l->long_size, grace->inode_s, l->long_size);
}

static uint64_t checksum(const unsigned char *data, size_t len)
{
	uint64_t sum = 0;

	/* Words of 8 bytes; what the last one lacks counts as 0. */
	for (size_t i = 0; i < len; i++)
		sum ^= (uint64_t)data[i] << (8 * (i % 8));
	return sum;
}

static size_t file_size(const struct layout *l, size_t path_len, size_t n_records)
{
	return HEADER_SIZE + l->stat_size + l->info_size + l->long_size + path_len +
	       l->ugid_info + n_records * l->record_size + CHECKSUM_SIZE;
}

static void put_all(unsigned char *at, const struct layout *l, const struct vzr_vzquota_file *file)
{
	const unsigned char *begin = at;
	size_t path_len = file->path ? strlen(file->path) : 0;

	put(at, MAGIC_V3, 4);
	put(at + 4, file->flags, 4);
	at += HEADER_SIZE;
	put_stat(at, l, &file->stat);
	put_grace(at + l->stat_size, l, &file->grace);
	at += l->stat_size + l->info_size;
	put(at, path_len, l->long_size);
	at += l->long_size;
	if (path_len)
		memcpy(at, file->path, path_len);
	at += path_len;
	/* limit, count (the kernel's), flags (the kernel's), number of records */
	put(at, file->ugid_limit, 4);
	put(at + 12, file->n_records, 4);
	put_grace(at + 16, l, &file->user_grace);
	put_grace(at + 16 + l->info_size, l, &file->group_grace);
	at += l->ugid_info;
	for (size_t i = 0; i < file->n_records; i++) {
		put(at, file->records[i].id, 4);
		put(at + 4, file->records[i].is_group, 4);
		put_stat(at + 8, l, &file->records[i].stat);
		at += l->record_size;
	}
	put(at, checksum(begin, (size_t)(at - begin)), CHECKSUM_SIZE);
}

int vzr_vzquota_emit(const struct vzr_vzquota_file *file, enum vzr_vzquota_abi abi,
		     struct vzr_buf *buf)
{
	const struct layout *l = &layouts[abi];
	size_t path_len = file->path ? strlen(file->path) : 0;
	size_t size;
	int r;

	if (path_len > PATH_MAX_LEN || file->n_records > VZR_VZQUOTA_MAX_RECORDS)
		return -VZR_E_LIMIT;
	size = file_size(l, path_len, file->n_records);
	r = vzr_buf_reserve(buf, size);
	if (r < 0)
		return r;
	memset(buf->data + buf->len, 0, size);
	put_all((unsigned char *)buf->data + buf->len, l, file);
	buf->len += size;
	buf->data[buf->len] = '\0';
	return 0;
}

/* ---- reading ---- */

static uint64_t get(const unsigned char *at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

static uint32_t get32(const unsigned char *at)
{
	return (uint32_t)get(at, 4);
}

static struct vzr_vzquota_stat get_stat(const unsigned char *at, const struct layout *l)
{
	return (struct vzr_vzquota_stat){
		.block_hard = get(at, 8),
		.block_soft = get(at + 8, 8),
		.inode_hard = get32(at + l->stat_ihard),
		.inode_soft = get32(at + l->stat_ihard + 4),
	};
}

static struct vzr_vzquota_grace get_grace(const unsigned char *at, const struct layout *l)
{
	return (struct vzr_vzquota_grace){
		.block_s = get(at, l->long_size),
		.inode_s = get(at + l->long_size, l->long_size),
	};
}

/* Where the sections of a file lie, once its sizes have proved to add up. */
struct sections {
	const unsigned char *stat;
	const unsigned char *path;
	const unsigned char *ugid_info;
	const unsigned char *records;
	size_t path_len;
	size_t n_records;
};

static bool find_sections(const unsigned char *data, size_t len, const struct layout *l,
			  struct sections *ret)
{
	struct sections s = { .stat = data + HEADER_SIZE };
	uint64_t path_len, n_records;

	if (len < file_size(l, 0, 0))
		return false;
	path_len = get(s.stat + l->stat_size + l->info_size, l->long_size);
	if (path_len > PATH_MAX_LEN || len < file_size(l, (size_t)path_len, 0))
		return false;
	s.path = s.stat + l->stat_size + l->info_size + l->long_size;
	s.path_len = (size_t)path_len;
	s.ugid_info = s.path + s.path_len;
	n_records = get32(s.ugid_info + 12);
	if (n_records > VZR_VZQUOTA_MAX_RECORDS)
		return false;
	s.n_records = (size_t)n_records;
	s.records = s.ugid_info + l->ugid_info;
	*ret = s;
	return len == file_size(l, s.path_len, s.n_records);
}

static int check_head(const unsigned char *data, size_t len, struct vzr_error *err)
{
	uint32_t magic = len >= HEADER_SIZE ? get32(data) : 0;

	if (len < HEADER_SIZE + CHECKSUM_SIZE)
		return vzr_fail(err, -VZR_E_CONFIG, "%zu bytes are too few", len);
	if (magic == MAGIC_V1 || magic == MAGIC_V2)
		return vzr_fail(err, -VZR_E_CONFIG, "it has the old format, version %d",
				magic == MAGIC_V1 ? 1 : 2);
	if (magic != MAGIC_V3)
		return vzr_fail(err, -VZR_E_CONFIG, "it does not begin as a vzquota file");
	return 0;
}

static int compare_records(const void *a, const void *b)
{
	const struct vzr_vzquota_record *x = *(const struct vzr_vzquota_record *const *)a;
	const struct vzr_vzquota_record *y = *(const struct vzr_vzquota_record *const *)b;

	if (x->is_group != y->is_group)
		return x->is_group ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static int refuse_twice(const struct vzr_vzquota_file *file, struct vzr_error *err)
{
	VZR_AUTO_FREE const struct vzr_vzquota_record **sorted = NULL;

	if (file->n_records < 2)
		return 0;
	sorted = calloc(file->n_records, sizeof(*sorted));
	if (!sorted)
		return vzr_fail_code(err, -ENOMEM, "cannot read records");
	for (size_t i = 0; i < file->n_records; i++)
		sorted[i] = &file->records[i];
	qsort(sorted, file->n_records, sizeof(*sorted), compare_records);
	for (size_t i = 1; i < file->n_records; i++)
		if (compare_records(&sorted[i - 1], &sorted[i]) == 0)
			return vzr_fail(err, -VZR_E_CONFIG, "%s %u has two records",
					sorted[i]->is_group ? "group" : "user", sorted[i]->id);
	return 0;
}

static int read_records(struct vzr_vzquota_file *file, const struct sections *s,
			const struct layout *l, struct vzr_error *err)
{
	file->records = calloc(s->n_records ? s->n_records : 1, sizeof(*file->records));
	if (!file->records)
		return vzr_fail_code(err, -ENOMEM, "cannot read records");
	for (size_t i = 0; i < s->n_records; i++) {
		const unsigned char *at = s->records + i * l->record_size;
		uint32_t type = get32(at + 4);

		if (type > 1)
			return vzr_fail(err, -VZR_E_CONFIG, "record %zu has the unknown type %u",
					i, type);
		file->records[i] = (struct vzr_vzquota_record){
			.id = get32(at),
			.is_group = type == 1,
			.stat = get_stat(at + 8, l),
		};
	}
	file->n_records = s->n_records;
	return refuse_twice(file, err);
}

static int read_sections(struct vzr_vzquota_file *file, const struct sections *s,
			 const struct layout *l, struct vzr_error *err)
{
	if (s->path_len && memchr(s->path, '\0', s->path_len))
		return vzr_fail(err, -VZR_E_CONFIG, "its path has a NUL byte");
	file->path = strndup((const char *)s->path, s->path_len);
	if (!file->path)
		return vzr_fail_code(err, -ENOMEM, "cannot read the path");
	file->stat = get_stat(s->stat, l);
	file->grace = get_grace(s->stat + l->stat_size, l);
	file->ugid_limit = get32(s->ugid_info);
	file->user_grace = get_grace(s->ugid_info + 16, l);
	file->group_grace = get_grace(s->ugid_info + 16 + l->info_size, l);
	return read_records(file, s, l, err);
}

int vzr_vzquota_parse(const void *data, size_t len, enum vzr_vzquota_abi abi,
		      struct vzr_vzquota_file *ret_file, struct vzr_error *err)
{
	VZR_AUTO_VZQUOTA_FILE struct vzr_vzquota_file file = { 0 };
	enum vzr_vzquota_abi other = abi == VZR_VZQUOTA_I386 ? VZR_VZQUOTA_X86_64
							     : VZR_VZQUOTA_I386;
	struct sections s;
	int r = check_head(data, len, err);

	if (r < 0)
		return r;
	if (checksum(data, len - CHECKSUM_SIZE) !=
	    get((const unsigned char *)data + len - CHECKSUM_SIZE, CHECKSUM_SIZE))
		return vzr_fail(err, -VZR_E_CONFIG, "its checksum is wrong");
	if (!find_sections(data, len, &layouts[abi], &s))
		return vzr_fail(err, -VZR_E_CONFIG, "%s",
				find_sections(data, len, &layouts[other], &s)
					? "it was written by a vzquota of the other ABI (see "
					  "VZQUOTA_ABI)"
					: "its size is not what its sections say");
	file.flags = get32((const unsigned char *)data + 4);
	r = read_sections(&file, &s, &layouts[abi], err);
	if (r < 0)
		return r;
	*ret_file = file;
	file = (struct vzr_vzquota_file){ 0 };
	return 0;
}
