/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Quota files of vzquota: what is accepted is written again with the same meaning. */
#include "engine/quota/vzquota_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void read_again(const struct vzr_vzquota_file *file, enum vzr_vzquota_abi abi)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = 128u << 20 };
	VZR_AUTO_VZQUOTA_FILE struct vzr_vzquota_file again = { 0 };

	require(vzr_vzquota_emit(file, abi, &buf) == 0);
	require(vzr_vzquota_parse(vzr_buf_cstr(&buf), buf.len, abi, &again, NULL) == 0);
	require(strcmp(again.path, file->path) == 0);
	require(again.flags == file->flags && again.ugid_limit == file->ugid_limit);
	require(again.n_records == file->n_records);
	for (size_t i = 0; i < file->n_records; i++) {
		require(again.records[i].id == file->records[i].id);
		require(again.records[i].is_group == file->records[i].is_group);
		require(again.records[i].stat.block_hard == file->records[i].stat.block_hard);
		require(again.records[i].stat.inode_soft == file->records[i].stat.inode_soft);
	}
}

static void try_both(const uint8_t *data, size_t size)
{
	static const enum vzr_vzquota_abi abis[] = { VZR_VZQUOTA_X86_64, VZR_VZQUOTA_I386 };

	for (size_t i = 0; i < 2; i++) {
		VZR_AUTO_VZQUOTA_FILE struct vzr_vzquota_file file = { 0 };

		if (vzr_vzquota_parse(data, size, abis[i], &file, NULL) == 0)
			read_again(&file, abis[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	try_both(data, size);
	if (size < 8)
		return 0;
	/* With a checksum that is right: no fuzzer guesses one. */
	copy = malloc(size);
	require(copy != NULL);
	memcpy(copy, data, size);
	memset(copy + size - 8, 0, 8);
	for (size_t i = 0; i < size - 8; i++)
		copy[size - 8 + i % 8] ^= data[i];
	try_both(copy, size);
	free(copy);
	return 0;
}
