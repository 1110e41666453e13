/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of the clone engine: listings, hard links, cancellation, failures. */
#include "engine/area/internal.h"
#include "engine/area/listing.h"

#include "tests/unit/check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

static char path[64];
static int dir;

static int setup(void **state)
{
	(void)state;
	dir = scratch_open(path);
	assert_int_equal(mkdirat(dir, "from", 0750), 0);
	assert_int_equal(mkdirat(dir, "to", 0700), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_close(dir, path);
	return 0;
}

static int open_dir(const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void make_names(int count)
{
	char name[32];

	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "from/%d", i);
		put_text(dir, name, "x");
	}
}

static void test_listing_in_parts(void **state)
{
	const int total = VZR_LISTING_MAX + 100;
	struct vzr_error err = VZR_ERROR_INIT;
	int fd = open_dir("from"), seen = 0, more = 1, parts = 0;
	char *known = calloc((size_t)total, 1);
	DIR *stream;

	(void)state;
	make_names(total);
	assert_ok(vzr_listing_open(fd, &stream, &err), &err);
	for (; more == 1; parts++) {
		struct vzr_listing listing = { 0 };

		more = vzr_listing_read(stream, &listing, &err);
		assert_ok(more, &err);
		for (size_t i = 0; i < listing.count; i++, seen++) {
			const char *name = vzr_listed_name(&listing, &listing.entries[i]);

			assert_int_equal(known[atoi(name)]++, 0);
			assert_true(i == 0 ||
				    listing.entries[i - 1].ino <= listing.entries[i].ino);
		}
		vzr_listing_done(&listing);
	}
	assert_int_equal(seen, total);
	assert_int_equal(parts, 2);
	closedir(stream);
	close(fd);
	free(known);
}

static void test_slice(void **state)
{
	struct vzr_listing all = { 0 }, part;
	int fd = open_dir("from");
	DIR *stream;

	(void)state;
	make_names(10);
	assert_int_equal(vzr_listing_open(fd, &stream, NULL), 0);
	assert_int_equal(vzr_listing_read(stream, &all, NULL), 0);
	assert_int_equal(vzr_listing_slice(&all, 3, 4, &part), 0);
	assert_int_equal(part.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(vzr_listed_name(&part, &part.entries[i]),
				    vzr_listed_name(&all, &all.entries[i + 3]));
	vzr_listing_done(&part);
	vzr_listing_done(&all);
	closedir(stream);
	close(fd);
}

static void test_links(void **state)
{
	struct vzr_links *links;
	const char *first;
	char name[32];

	(void)state;
	assert_int_equal(vzr_links_new(&links), 0);
	for (uint64_t ino = 1; ino < 2000; ino++) {
		snprintf(name, sizeof(name), "%d", (int)ino);
		assert_int_equal(vzr_links_claim(links, ino << 32, "a/b", name, &first), 1);
		vzr_links_made(links, ino << 32, ino != 77);
	}
	for (uint64_t ino = 1; ino < 2000; ino++) {
		snprintf(name, sizeof(name), "a/b/%d", (int)ino);
		assert_int_equal(vzr_links_claim(links, ino << 32, "", "other", &first),
				 ino == 77 ? -EIO : 0);
		assert_string_equal(first, name);
	}
	vzr_links_free(links);
}

static void *make_later(void *data)
{
	usleep(20000);
	vzr_links_made(data, 5, true);
	return NULL;
}

static void test_link_waits_for_its_maker(void **state)
{
	struct vzr_links *links;
	const char *first = NULL;
	pthread_t thread;

	(void)state;
	assert_int_equal(vzr_links_new(&links), 0);
	assert_int_equal(vzr_links_claim(links, 5, "", "first", &first), 1);
	assert_int_equal(pthread_create(&thread, NULL, make_later, links), 0);
	assert_int_equal(vzr_links_claim(links, 5, "", "second", &first), 0);
	assert_string_equal(first, "first");
	pthread_join(thread, NULL);
	vzr_links_free(links);
}

static int clone_it(struct vzr_context *ctx, unsigned int writers, struct vzr_clone_count *count,
		    struct vzr_error *err)
{
	struct vzr_clone_job job = { .ctx = ctx, .how = VZR_CLONE_COPY, .writers = writers,
				     .label = "the template" };
	int r;

	job.from_fd = open_dir("from");
	job.to_fd = open_dir("to");
	r = vzr_clone_tree(&job, count, err);
	close(job.from_fd);
	close(job.to_fd);
	return r;
}

static void test_counts(void **state)
{
	struct vzr_clone_count count;
	struct vzr_error err = VZR_ERROR_INIT;
	struct stat st;

	(void)state;
	make_names(300);
	assert_int_equal(mkdirat(dir, "from/sub", 0500), 0);
	assert_int_equal(linkat(dir, "from/7", dir, "from/sub", 0), -1);
	assert_int_equal(linkat(dir, "from/7", dir, "from/sub/seven", 0), 0);
	assert_ok(clone_it(NULL, 3, &count, &err), &err);
	assert_int_equal(count.inodes, 302);
	assert_int_equal(count.bytes, 300);
	assert_int_equal(fstatat(dir, "to/sub/seven", &st, 0), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(fstatat(dir, "to", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

static void test_cancelled(void **state)
{
	struct vzr_context ctx = { .cancelled = 1 };
	struct vzr_clone_count count;
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_int_equal(clone_it(&ctx, 2, &count, &err), -VZR_E_CANCELLED);
}

/* The first failure ends it, whoever met it, and says at which file. */
static void test_what_is_there_already(void **state)
{
	struct vzr_clone_count count;

	(void)state;
	make_names(500);
	put_text(dir, "to/250", "in the way");
	for (unsigned int writers = 1; writers < 9; writers += 3) {
		struct vzr_error err = VZR_ERROR_INIT;
		char command[128];

		assert_error(clone_it(NULL, writers, &count, &err), -EEXIST, &err,
			     "/250: cannot make it");
		snprintf(command, sizeof(command), "cd %s && mv to/250 . && rm -r to && mkdir to "
			 "&& mv 250 to", path);
		assert_int_equal(system(command), 0);
	}
}

static void test_file_size_limit(void **state)
{
	const struct rlimit limit = { 1000, RLIM_INFINITY };
	struct rlimit old;
	struct vzr_clone_count count;
	struct vzr_error err = VZR_ERROR_INIT;
	int fd = openat(dir, "from/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), r;

	(void)state;
	assert_int_equal(write(fd, path, sizeof(path)), sizeof(path));
	for (int i = 0; i < 100; i++)
		assert_int_equal(write(fd, path, sizeof(path)), sizeof(path));
	close(fd);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	setrlimit(RLIMIT_FSIZE, &limit);
	r = clone_it(NULL, 2, &count, &err);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_error(r, -EFBIG, &err, "/big: cannot copy its content");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_listing_in_parts),
		TEST(test_slice),
		TEST(test_links),
		TEST(test_link_waits_for_its_maker),
		TEST(test_counts),
		TEST(test_cancelled),
		TEST(test_what_is_there_already),
		TEST(test_file_size_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
