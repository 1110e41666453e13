/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The store: what becomes visible, what never does, who may remove what, what is left behind. */
#include "cache/internal.h"

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>

#include <cmocka.h>

#define HELLO_HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HELLO_BLOB "cache/blobs/sha256/2c/" HELLO_HEX

struct world {
	char path[64];
	int root_fd;
	struct vzr_store *store;
	struct vzr_error err;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->path, "/tmp/vzroot-store-XXXXXX");
	assert_non_null(mkdtemp(w->path));
	w->root_fd = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(vzr_store_open(w->root_fd, "/cache", NULL, &w->store, &w->err), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	vzr_store_close(w->store);
	close(w->root_fd);
	assert_int_equal(vzr_rm_tree(AT_FDCWD, w->path, &w->err), 0);
	free(w);
	return 0;
}

static void reopen(struct world *w)
{
	vzr_store_close(w->store);
	w->store = NULL;
	assert_int_equal(vzr_store_open(w->root_fd, "/cache", NULL, &w->store, &w->err), 0);
}

/* Number of entries below @path of the world, of any kind, without directories. */
static unsigned int count_files(struct world *w, const char *path)
{
	char command[200], text[16] = "";
	FILE *f;

	snprintf(command, sizeof(command), "find %s/%s ! -type d 2>/dev/null | wc -l", w->path,
		 path);
	f = popen(command, "re");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	pclose(f);
	return (unsigned int)atoi(text);
}

static int text_fd(const char *text)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(vzr_write_all(fds[1], text, strlen(text)), 0);
	close(fds[1]);
	return fds[0];
}

static int add(struct world *w, const char *text, const struct vzr_blob_terms *terms,
	       struct vzr_digest *digest)
{
	static const struct vzr_blob_terms anything;
	VZR_AUTO_CLOSE int fd = text_fd(text);

	return vzr_store_blob_add(w->store, fd, terms ? terms : &anything, digest, &w->err);
}

static struct vzr_digest digest_of(enum vzr_digest_algo algo, const char *text)
{
	struct vzr_digest digest;

	assert_int_equal(vzr_digest_of(algo, text, strlen(text), &digest), 0);
	return digest;
}

static void put_name(struct world *w, const char *name, const struct vzr_digest *digest)
{
	char text[] = "x";
	struct vzr_name record = { .digest = *digest, .size_bytes = 5, .source = text };

	record.name = strdup(name);
	assert_int_equal(vzr_store_name_put(w->store, &record, &w->err), 0);
	free(record.name);
}

static void assert_message(const struct world *w, const char *part)
{
	if (!strstr(w->err.msg, part))
		fail_msg("'%s' is not in '%s'", part, w->err.msg);
}

static void test_missing_is_empty(void **state)
{
	struct vzr_digest digest = digest_of(VZR_SHA256, "hello");
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	VZR_AUTO_NAME struct vzr_name name = { 0 };
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	struct world *w = *state;
	uint64_t kib = 0;

	assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err), -VZR_E_NOT_FOUND);
	assert_message(w, "the cache /cache has no blob " HELLO_HEX);
	assert_int_equal(vzr_store_name_get(w->store, "a", &name, &w->err), -VZR_E_NOT_FOUND);
	assert_message(w, "no template a");
	assert_int_equal(vzr_store_name_list(w->store, &names, &w->err), 0);
	assert_int_equal(names.count, 0);
	assert_int_equal(vzr_store_name_remove(w->store, "a", &w->err), -VZR_E_NOT_FOUND);
	assert_int_equal(vzr_store_blob_remove(w->store, &digest, &w->err), 0);
	assert_int_equal(vzr_store_recover(w->store, &w->err), 0);
	assert_int_equal(vzr_store_free_space(w->store, &kib, &w->err), 0);
	assert_true(kib > 0);
	assert_int_equal(faccessat(w->root_fd, "cache", F_OK, 0), -1);
}

static void test_add_and_open(void **state)
{
	struct world *w = *state;
	struct vzr_digest digest, want = digest_of(VZR_SHA256, "hello");
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct stat st;
	char text[8] = "";

	umask(077);
	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	umask(022);
	assert_true(vzr_digest_equal(&digest, &want));
	assert_int_equal(fstatat(w->root_fd, HELLO_BLOB, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(fstatat(w->root_fd, "cache/blobs/sha256/2c", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatat(w->root_fd, "cache/partial", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(count_files(w, "cache/partial"), 0);
	assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err), 0);
	assert_int_equal(blob.size_bytes, 5);
	assert_int_equal(read(blob.fd, text, sizeof(text)), 5);
	assert_string_equal(text, "hello");
	assert_int_equal(vzr_store_blob_verify(w->store, &digest, &w->err), 0);
	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	assert_int_equal(count_files(w, "cache/blobs"), 1);
}

static int refuse(void *data, int fd, uint64_t size, struct vzr_error *err)
{
	char text[8] = "";

	assert_int_equal(size, 5);
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_string_equal(text, data);
	return vzr_fail(err, -VZR_E_SIGNATURE, "forged");
}

static int accept_it(void *data, int fd, uint64_t size, struct vzr_error *err)
{
	(void)fd;
	(void)err;
	*(uint64_t *)data = size;
	return 0;
}

static void test_terms(void **state)
{
	struct world *w = *state;
	struct vzr_digest good = digest_of(VZR_SHA256, "hello"), bad = digest_of(VZR_SHA256, "x");
	struct vzr_digest good512 = digest_of(VZR_SHA512, "hello");
	struct vzr_digest bad512 = digest_of(VZR_SHA512, "x");
	char hello[] = "hello";
	uint64_t seen = 0;
	const struct {
		struct vzr_blob_terms terms;
		int code;
		const char *message;
	} cases[] = {
		{ { .digest = &bad }, -VZR_E_DIGEST, "expected sha256:2d711642" },
		{ { .digest = &bad512 }, -VZR_E_DIGEST, "digest is sha512:9b71d224" },
		{ { .size_bytes = 4 }, -VZR_E_DIGEST, "more than the 4 bytes it should have" },
		{ { .size_bytes = 6 }, -VZR_E_DIGEST, "5 bytes, expected 6" },
		{ { .max_bytes = 4 }, -VZR_E_LIMIT, "more than the 4 bytes that are allowed" },
		{ { .digest = &good, .verify = refuse, .verify_data = hello }, -VZR_E_SIGNATURE,
		  "forged" },
		{ { .digest = &good512, .size_bytes = 5, .max_bytes = 5, .verify = accept_it,
		    .verify_data = &seen }, 0, "" },
	};

	for (size_t i = 0; i < VZR_COUNT(cases); i++) {
		struct vzr_digest digest;

		w->err = (struct vzr_error)VZR_ERROR_INIT;
		assert_int_equal(add(w, "hello", &cases[i].terms, &digest), cases[i].code);
		assert_message(w, cases[i].message);
		assert_int_equal(count_files(w, "cache/blobs"), cases[i].code == 0);
		assert_int_equal(count_files(w, "cache/partial"), 0);
	}
	assert_int_equal(seen, 5);
}

static void replace_blob(struct world *w, const char *text)
{
	int fd = openat(w->root_fd, HELLO_BLOB, O_WRONLY | O_TRUNC | O_CREAT, 0444);

	assert_true(fd >= 0);
	assert_int_equal(vzr_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void test_changed_blob(void **state)
{
	struct world *w = *state;
	struct vzr_digest digest;
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;

	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	assert_int_equal(fchmodat(w->root_fd, HELLO_BLOB, 0644, 0), 0);
	replace_blob(w, "hellO");
	assert_int_equal(vzr_store_blob_verify(w->store, &digest, &w->err), -VZR_E_DIGEST);
	assert_message(w, "had changed on disk and was removed");
	assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err), -VZR_E_NOT_FOUND);
	/* A new one of the same digest replaces what is wrong without being asked. */
	replace_blob(w, "hellO");
	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	assert_int_equal(vzr_store_blob_verify(w->store, &digest, &w->err), 0);
}

static void test_not_a_blob(void **state)
{
	struct world *w = *state;
	struct vzr_digest digest;
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;

	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	assert_int_equal(fchmodat(w->root_fd, HELLO_BLOB, 0666, 0), 0);
	assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err),
			 -VZR_E_NOT_TRUSTED);
	assert_message(w, "can be written by others");
	assert_int_equal(unlinkat(w->root_fd, HELLO_BLOB, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", w->root_fd, HELLO_BLOB), 0);
	assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err),
			 -VZR_E_NOT_TRUSTED);
	assert_message(w, "is not a regular file");
	assert_int_equal(unlinkat(w->root_fd, HELLO_BLOB, 0), 0);
	assert_int_equal(mkfifoat(w->root_fd, HELLO_BLOB, 0444), 0);
	assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err),
			 -VZR_E_NOT_TRUSTED);
	if (geteuid() == 0) {
		assert_int_equal(unlinkat(w->root_fd, HELLO_BLOB, 0), 0);
		replace_blob(w, "hello");
		assert_int_equal(fchownat(w->root_fd, HELLO_BLOB, 1000, 1000, 0), 0);
		assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err),
				 -VZR_E_NOT_TRUSTED);
		assert_message(w, "belongs to user 1000");
	}
	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err), 0);
}

static void test_foreign_directories(void **state)
{
	struct world *w = *state;
	struct vzr_store *other = NULL;
	struct vzr_digest digest;

	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	assert_int_equal(fchmodat(w->root_fd, "cache/blobs", 0775, 0), 0);
	assert_int_equal(add(w, "hello", NULL, &digest), -VZR_E_NOT_TRUSTED);
	assert_message(w, "/cache/blobs can be written by others (mode 0775)");
	assert_int_equal(fchmodat(w->root_fd, "cache/blobs", 0755, 0), 0);
	assert_int_equal(fchmodat(w->root_fd, "cache", 01777, 0), 0);
	assert_int_equal(vzr_store_open(w->root_fd, "/cache", NULL, &other, &w->err),
			 -VZR_E_NOT_TRUSTED);
	assert_null(other);
	if (geteuid() == 0) {
		assert_int_equal(fchmodat(w->root_fd, "cache", 0755, 0), 0);
		assert_int_equal(fchownat(w->root_fd, "cache", 1000, 1000, 0), 0);
		assert_int_equal(vzr_store_open(w->root_fd, "/cache", NULL, &other, &w->err),
				 -VZR_E_NOT_TRUSTED);
		assert_message(w, "belongs to user 1000");
	}
}

static void test_linked_directory(void **state)
{
	struct world *w = *state;
	struct vzr_digest digest;

	assert_int_equal(mkdirat(w->root_fd, "cache", 0755), 0);
	assert_int_equal(mkdirat(w->root_fd, "elsewhere", 0755), 0);
	assert_int_equal(symlinkat("../elsewhere", w->root_fd, "cache/blobs"), 0);
	assert_true(add(w, "hello", NULL, &digest) < 0);
	assert_message(w, "cannot open blobs of the cache /cache");
	assert_int_equal(count_files(w, "elsewhere"), 0);
}

static void test_busy(void **state)
{
	struct world *w = *state;
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	struct vzr_digest digest;

	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	put_name(w, "a", &digest);
	assert_int_equal(vzr_store_blob_open(w->store, &digest, &blob, &w->err), 0);
	assert_int_equal(vzr_store_blob_remove(w->store, &digest, &w->err), -VZR_E_BUSY);
	assert_message(w, "is in use by another process");
	assert_int_equal(vzr_store_name_remove(w->store, "a", &w->err), -VZR_E_BUSY);
	assert_message(w, "cannot remove template a");
	assert_int_equal(count_files(w, "cache/names"), 1);
	vzr_blob_done(&blob);
	assert_int_equal(vzr_store_name_remove(w->store, "a", &w->err), 0);
	assert_int_equal(count_files(w, "cache/names"), 0);
	assert_int_equal(count_files(w, "cache/blobs"), 0);
	assert_int_equal(vzr_store_blob_remove(w->store, &digest, &w->err), 0);
}

static void test_names(void **state)
{
	struct world *w = *state;
	VZR_AUTO_NAME struct vzr_name got = { 0 };
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	struct vzr_digest hello, world;
	char name[] = "debian-12-x86_64-minimal", source[] = "shop", gzip[] = "gzip";
	char trust[] = "signed by \"Shop\"", where[] = "https://example.com/a$b`c\\d.tar.gz";
	struct vzr_name put = { .name = name, .size_bytes = 5, .source = source, .trust = trust,
				.location = where, .compression = gzip, .unpacked_kib = 7,
				.unpacked_inodes = 8, .time = 1700000000 };

	assert_int_equal(add(w, "hello", NULL, &hello), 0);
	assert_int_equal(add(w, "world", NULL, &world), 0);
	put.digest = hello;
	assert_int_equal(vzr_store_name_put(w->store, &put, &w->err), 0);
	put_name(w, "b", &world);
	put_name(w, "a", &world);
	assert_int_equal(vzr_store_name_get(w->store, name, &got, &w->err), 0);
	assert_string_equal(got.name, name);
	assert_true(vzr_digest_equal(&got.digest, &hello));
	assert_int_equal(got.size_bytes, 5);
	assert_string_equal(got.source, "shop");
	assert_string_equal(got.trust, "signed by %22Shop%22");
	assert_string_equal(got.location, "https://example.com/a%24b%60c%5Cd.tar.gz");
	assert_string_equal(got.compression, "gzip");
	assert_int_equal(got.unpacked_kib, 7);
	assert_int_equal(got.unpacked_inodes, 8);
	assert_int_equal(got.time, 1700000000);
	assert_int_equal(vzr_store_name_list(w->store, &names, &w->err), 0);
	assert_int_equal(names.count, 3);
	assert_string_equal(names.items[0], "a");
	assert_string_equal(names.items[1], "b");
	assert_string_equal(names.items[2], name);
	/* "world" has a second name: it stays until that goes too. */
	assert_int_equal(vzr_store_name_remove(w->store, "a", &w->err), 0);
	assert_int_equal(count_files(w, "cache/blobs"), 2);
	assert_int_equal(vzr_store_name_remove(w->store, "b", &w->err), 0);
	assert_int_equal(count_files(w, "cache/blobs"), 1);
}

static void test_replace_name(void **state)
{
	struct world *w = *state;
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	VZR_AUTO_NAME struct vzr_name got = { 0 };
	struct vzr_digest hello, world;

	assert_int_equal(add(w, "hello", NULL, &hello), 0);
	put_name(w, "a", &hello);
	assert_int_equal(vzr_store_blob_open(w->store, &hello, &blob, &w->err), 0);
	assert_int_equal(add(w, "world", NULL, &world), 0);
	put_name(w, "a", &world);
	assert_int_equal(vzr_store_name_get(w->store, "a", &got, &w->err), 0);
	assert_true(vzr_digest_equal(&got.digest, &world));
	/* Still being read: stays until nobody reads it. */
	assert_int_equal(count_files(w, "cache/blobs"), 2);
	assert_int_equal(vzr_store_recover(w->store, &w->err), 0);
	assert_int_equal(count_files(w, "cache/blobs"), 2);
	vzr_blob_done(&blob);
	assert_int_equal(vzr_store_recover(w->store, &w->err), 0);
	assert_int_equal(count_files(w, "cache/blobs"), 1);
	assert_int_equal(add(w, "hello", NULL, &hello), 0);
	put_name(w, "a", &hello);
	assert_int_equal(count_files(w, "cache/blobs"), 1);
}

static void test_name_needs_blob(void **state)
{
	struct world *w = *state;
	char name[] = "a", dot[] = ".a", slash[] = "../a";
	struct vzr_name put = { .name = name, .digest = digest_of(VZR_SHA256, "hello") };

	assert_int_equal(vzr_store_name_put(w->store, &put, &w->err), -VZR_E_NOT_FOUND);
	assert_message(w, "cannot name template a: the cache /cache has no blob");
	put.name = dot;
	assert_int_equal(vzr_store_name_put(w->store, &put, &w->err), -VZR_E_INPUT);
	put.name = slash;
	assert_int_equal(vzr_store_name_put(w->store, &put, &w->err), -VZR_E_INPUT);
	assert_int_equal(count_files(w, "cache/names"), 0);
}

static void test_damaged_record(void **state)
{
	static const char *const texts[] = {
		"", "NAME=\"a\"\n", "NAME=\"a\"\nDIGEST=\"sha256:12\"\n", "rubbish\n",
		"NAME=\"b\"\nDIGEST=\"sha256:" HELLO_HEX "\"\n",
		"NAME=\"a\"\nDIGEST=\"sha256:" HELLO_HEX "\"\nSIZE=\"-1\"\n",
		"NAME=\"a\"\nDIGEST=\"sha256:" HELLO_HEX "\"\nDIGEST=\"sha256:" HELLO_HEX "\"\n",
	};
	struct world *w = *state;
	struct vzr_digest digest;

	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		VZR_AUTO_NAME struct vzr_name got = { 0 };
		VZR_AUTO_CLOSE int dir = -1;

		assert_int_equal(add(w, "hello", NULL, &digest), 0);
		put_name(w, "a", &digest);
		dir = vzr_store_subdir(w->store, "names", &w->err);
		assert_true(dir >= 0);
		assert_int_equal(vzr_file_put(dir, "a", texts[i], strlen(texts[i]), 0644, 0,
					      &w->err), 0);
		assert_int_equal(vzr_store_name_get(w->store, "a", &got, &w->err), -VZR_E_CONFIG);
		assert_message(w, "the record of template a in the cache /cache is damaged");
		assert_int_equal(w->err.code, -VZR_E_CONFIG);
		/* It might name any blob: none is removed as long as it is there. */
		assert_int_equal(vzr_store_recover(w->store, &w->err), 0);
		assert_int_equal(count_files(w, "cache/blobs"), 1);
		assert_int_equal(vzr_store_name_remove(w->store, "a", &w->err), 0);
		assert_int_equal(vzr_store_recover(w->store, &w->err), 0);
		assert_int_equal(count_files(w, "cache/blobs"), 0);
	}
}

static void make(struct world *w, const char *name, const char *text)
{
	VZR_AUTO_CLOSE int dir = vzr_store_dir(w->store, "partial", 0700, &w->err);

	assert_int_equal(vzr_file_put(dir, name, text, strlen(text), 0600, 0, &w->err), 0);
}

static void test_recover(void **state)
{
	struct world *w = *state;
	struct vzr_digest digest;
	VZR_AUTO_CLOSE int dir = -1;
	VZR_AUTO_CLOSE int live = -1;
	VZR_AUTO_CLOSE int live2 = -1;

	make(w, "tmp.0000000000000001", "x");
	make(w, "tmp.0000000000000002", "x");
	make(w, "aa", "half of it");
	make(w, "aa.meta", "DIGEST=\"x\"\n");
	make(w, "bb", "half of it");
	make(w, "cc", "");
	make(w, "cc.meta", "x");
	make(w, "dd.meta", "x");
	make(w, "ee", "");
	make(w, "ee.meta", "x");
	make(w, ".aa.meta.vzroot-tmp", "x");
	dir = vzr_store_dir(w->store, "partial", 0, &w->err);
	live = vzr_lock(dir, "ee", true, &w->err);
	live2 = vzr_lock(dir, "tmp.0000000000000002", true, &w->err);
	assert_true(live >= 0 && live2 >= 0);
	assert_int_equal(add(w, "named", NULL, &digest), 0);
	put_name(w, "a", &digest);
	assert_int_equal(add(w, "not named, but ours", NULL, &digest), 0);
	assert_int_equal(vzr_store_recover(w->store, &w->err), 0);
	assert_int_equal(count_files(w, "cache/partial"), 5);
	assert_int_equal(count_files(w, "cache/blobs"), 2);
	reopen(w);
	assert_int_equal(vzr_store_recover(w->store, &w->err), 0);
	assert_int_equal(count_files(w, "cache/blobs"), 1);
	assert_int_equal(faccessat(dir, "aa", F_OK, 0), 0);
	assert_int_equal(faccessat(dir, "aa.meta", F_OK, 0), 0);
	assert_int_equal(faccessat(dir, "ee", F_OK, 0), 0);
	assert_int_equal(faccessat(dir, "ee.meta", F_OK, 0), 0);
	assert_int_equal(faccessat(dir, "tmp.0000000000000002", F_OK, 0), 0);
}

/* What was added and has no name yet is safe from the recovery of another process. */
static void test_pin(void **state)
{
	struct world *w = *state;
	struct vzr_store *other = NULL;
	struct vzr_digest digest;

	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	assert_int_equal(vzr_store_open(w->root_fd, "/cache", NULL, &other, &w->err), 0);
	assert_int_equal(vzr_store_recover(other, &w->err), 0);
	assert_int_equal(vzr_store_blob_remove(other, &digest, &w->err), -VZR_E_BUSY);
	assert_int_equal(count_files(w, "cache/blobs"), 1);
	put_name(w, "a", &digest);
	assert_int_equal(vzr_store_blob_remove(other, &digest, &w->err), 0);
	vzr_store_close(other);
}

static void test_without_tmpfile(void **state)
{
	struct world *w = *state;
	VZR_AUTO_SINK struct vzr_sink sink = VZR_SINK_INIT;
	static const struct vzr_blob_terms anything;
	struct vzr_digest digest;

	/* The shape that the sink has on a file system without O_TMPFILE. */
	sink.dir_fd = vzr_store_dir(w->store, "partial", 0700, &w->err);
	sink.name = strdup("tmp.0");
	sink.fd = openat(sink.dir_fd, "tmp.0", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(flock(sink.fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(vzr_sink_adopt(&sink, w->store, &anything, &w->err), 0);
	assert_int_equal(vzr_sink_add(&sink, "hel", 3, &w->err), 0);
	assert_int_equal(vzr_sink_add(&sink, "lo", 2, &w->err), 0);
	assert_int_equal(vzr_sink_publish(&sink, &digest, &w->err), 0);
	assert_int_equal(count_files(w, "cache/partial"), 0);
	assert_int_equal(vzr_store_blob_verify(w->store, &digest, &w->err), 0);
}

static void as_nobody(struct world *w)
{
	struct vzr_digest digest = digest_of(VZR_SHA256, "hello");
	VZR_AUTO_BLOB struct vzr_blob blob = VZR_BLOB_INIT;
	VZR_AUTO_TEXT_LIST struct vzr_list names = { 0 };
	struct vzr_store *store = NULL;

	assert_int_equal(setegid(65534), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(vzr_store_open(w->root_fd, "/cache", NULL, &store, &w->err), 0);
	assert_int_equal(vzr_store_name_list(store, &names, &w->err), 0);
	assert_int_equal(names.count, 1);
	assert_int_equal(vzr_store_blob_open(store, &digest, &blob, &w->err), 0);
	vzr_blob_done(&blob);
	w->store = store;
	assert_int_equal(add(w, "more", NULL, &digest), -EACCES);
	assert_message(w, "cache /cache: Permission denied");
	assert_int_equal(vzr_store_recover(store, &w->err), 0);
	vzr_store_close(store);
	assert_int_equal(vzr_store_open(w->root_fd, "/closed/cache", NULL, &store, &w->err), 0);
	assert_int_equal(vzr_store_blob_open(store, &digest, &blob, &w->err), -VZR_E_NOT_FOUND);
	vzr_store_close(store);
}

static void test_as_nobody(void **state)
{
	struct world *w = *state;
	struct vzr_store *mine = w->store;
	struct vzr_digest digest;

	if (geteuid() != 0)
		skip();
	assert_int_equal(add(w, "hello", NULL, &digest), 0);
	put_name(w, "a", &digest);
	assert_int_equal(mkdirat(w->root_fd, "closed", 0700), 0);
	assert_int_equal(mkdirat(w->root_fd, "closed/cache", 0755), 0);
	assert_int_equal(fchmod(w->root_fd, 0755), 0);
	as_nobody(w);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	w->store = mine;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_missing_is_empty), TEST(test_add_and_open), TEST(test_terms),
		TEST(test_changed_blob), TEST(test_not_a_blob), TEST(test_foreign_directories),
		TEST(test_linked_directory), TEST(test_busy), TEST(test_names),
		TEST(test_replace_name), TEST(test_name_needs_blob), TEST(test_damaged_record),
		TEST(test_recover), TEST(test_pin), TEST(test_without_tmpfile),
		TEST(test_as_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
