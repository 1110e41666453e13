/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Settings: the table, values that are refused, files below the root. */
#include "engine/settings.h"

#include "tests/unit/check.h"

static char path[64];
static int dir;
static struct vzr_settings *settings;

static int setup(void **state)
{
	struct vzr_error err = { 0 };

	(void)state;
	dir = scratch_open(path);
	assert_int_equal(mkdirat(dir, "etc", 0755), 0);
	assert_int_equal(mkdirat(dir, "etc/vz", 0755), 0);
	assert_int_equal(mkdirat(dir, "etc/vzroot", 0755), 0);
	assert_ok(vzr_settings_new(path, &settings, &err), &err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vzr_settings_free(settings);
	scratch_close(dir, path);
	return 0;
}

static void test_table(void **state)
{
	const struct vzr_setting_info *keys;
	struct vzr_error err = { 0 };
	size_t count = 0;

	(void)state;
	keys = vzr_settings_keys(&count);
	assert_true(count > 20);
	for (size_t i = 0; i < count; i++) {
		char *value = strdup(vzr_setting(settings, keys[i].key));

		assert_non_null(keys[i].help);
		/* What is built in can be set again. */
		if (*value)
			assert_ok(vzr_settings_set(settings, keys[i].key, value, &err), &err);
		assert_string_equal(vzr_setting(settings, keys[i].key), value);
		assert_int_equal(vzr_settings_get(settings, keys[i].key) != NULL, *value != '\0');
		free(value);
	}
	assert_null(vzr_settings_get(settings, "NO_SUCH_KEY"));
	assert_string_equal(vzr_settings_root(settings), path);
	assert_true(vzr_settings_root_fd(settings) >= 0);
	assert_int_equal(vzr_setting_number(settings, "RETRIES"), 3);
	assert_int_equal(vzr_setting_number(settings, "TEMPLATE"), 0);
	vzr_settings_free(NULL);
}

static void test_refused_values(void **state)
{
	static const struct {
		const char *key;
		const char *value;
		const char *message;
	} rows[] = {
		{ "NO_SUCH_KEY", "1", "there is no setting 'NO_SUCH_KEY'" },
		{ "VE_PRIVATE", "vz/$VEID", "VE_PRIVATE 'vz/$VEID' is not an absolute path" },
		{ "VE_PRIVATE", "", "is not an absolute path" },
		{ "VE_PRIVATE", "/vz/../etc/$VEID", "has a '..' in it" },
		{ "TEMPLATE", "/a\nb", "control characters" },
		{ "BUSYBOX", "busybox", "is not an absolute path" },
		{ "RETRIES", "-1", "RETRIES=\"-1\" is not a number" },
		{ "RETRIES", "1e3", "is not a number" },
		{ "RETRIES", "99999999999999999999", "is not a number" },
		{ "DISK_QUOTA", "maybe", "is neither yes nor no" },
		{ "VZQUOTA_ABI", "sparc", "is neither x86_64 nor i386" },
		{ "CONFIGFILE", "../x", "has a character that is not allowed" },
	};
	struct vzr_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_error(vzr_settings_set(settings, rows[i].key, rows[i].value, &err),
			     -VZR_E_CONFIG, &err, rows[i].message);
	assert_string_equal(vzr_setting(settings, "VE_PRIVATE"), "/vz/private/$VEID");
	assert_ok(vzr_settings_set(settings, "BUSYBOX", "", &err), &err);
	assert_null(vzr_settings_get(settings, "BUSYBOX"));
}

static void test_read_both_files(void **state)
{
	struct vzr_error err = { 0 };

	(void)state;
	/* vz.conf as shipped has much that is not ours, and unquoted values. */
	put_text(dir, "etc/vz/vz.conf",
		 "# Global\nVIRTUOZZO=yes\nLOCKDIR=/var/lib/vz/lock\nTEMPLATE=\"/srv/template\"\n"
		 "TEMPLATE=/second\nCACHE_DIR=/not/from/here\nIPTABLES=\"a b\n"
		 "VE_ROOT=/srv/root/$VEID\n");
	put_text(dir, "etc/vzroot/vzroot.conf", "# ours\nLOCKDIR=\"/over\" # wins\nRETRIES=7\n");
	assert_ok(vzr_settings_read(settings, NULL, &err), &err);
	assert_string_equal(vzr_setting(settings, "TEMPLATE"), "/srv/template");
	assert_string_equal(vzr_setting(settings, "VE_ROOT"), "/srv/root/$VEID");
	assert_string_equal(vzr_setting(settings, "LOCKDIR"), "/over");
	assert_string_equal(vzr_setting(settings, "CACHE_DIR"), "/var/cache/vzroot");
	assert_int_equal(vzr_setting_number(settings, "RETRIES"), 7);
}

static void test_read_nothing(void **state)
{
	struct vzr_error err = { 0 };

	(void)state;
	assert_ok(vzr_settings_read(settings, NULL, &err), &err);
	assert_error(vzr_settings_read(settings, "/etc/other.conf", &err), -VZR_E_NOT_FOUND, &err,
		     "there is no file /etc/other.conf");
}

static void test_refused_files(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *message;
	} rows[] = {
		{ "RETRIES=1\nNO_SUCH=2\n", 2,
		  "/etc/vzroot/vzroot.conf: line 2: there is no setting 'NO_SUCH'" },
		{ "RETRIES=1\nRETRIES=2\n", 2, "RETRIES stands there twice" },
		{ "\nRETRIES=\"1\n", 2, "the quote after RETRIES= is not closed" },
		{ "include /etc/other\n", 1, "is not KEY=\"value\"" },
		{ "\n\nRETRIES=many\n", 3, "line 3: RETRIES=\"many\" is not a number" },
		{ "VE_PRIVATE=relative\n", 1, "is not an absolute path" },
	};
	struct vzr_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_text(dir, "etc/vzroot/vzroot.conf", rows[i].text);
		assert_error(vzr_settings_read(settings, NULL, &err), -VZR_E_CONFIG, &err,
			     rows[i].message);
		assert_int_equal(err.line, rows[i].line);
	}
	unlinkat(dir, "etc/vzroot/vzroot.conf", 0);
	put_text(dir, "etc/vz/vz.conf", "TEMPLATE=relative\n");
	assert_error(vzr_settings_read(settings, NULL, &err), -VZR_E_CONFIG, &err,
		     "/etc/vz/vz.conf: TEMPLATE 'relative' is not an absolute path");
}

static void test_unsafe_files(void **state)
{
	struct vzr_error err = { 0 };
	char *big;

	(void)state;
	put_text(dir, "etc/vzroot/vzroot.conf", "RETRIES=1\n");
	assert_int_equal(fchmodat(dir, "etc/vzroot/vzroot.conf", 0666, 0), 0);
	assert_error(vzr_settings_read(settings, NULL, &err), -VZR_E_CONFIG, &err,
		     "can be changed by others than root: run chown root");
	assert_int_equal(fchmodat(dir, "etc/vzroot/vzroot.conf", 0644, 0), 0);
	if (geteuid() == 0) {
		assert_int_equal(fchownat(dir, "etc/vzroot/vzroot.conf", 1000, 0, 0), 0);
		assert_error(vzr_settings_read(settings, NULL, &err), -VZR_E_CONFIG, &err,
			     "can be changed by others than root");
	}
	unlinkat(dir, "etc/vzroot/vzroot.conf", 0);
	assert_int_equal(mkfifoat(dir, "etc/vzroot/vzroot.conf", 0600), 0);
	assert_error(vzr_settings_read(settings, NULL, &err), -VZR_E_CONFIG, &err,
		     "is not a regular file"); /* and it does not wait for a writer */
	unlinkat(dir, "etc/vzroot/vzroot.conf", 0);
	assert_int_equal(mkdirat(dir, "etc/vzroot/vzroot.conf", 0700), 0);
	assert_error(vzr_settings_read(settings, NULL, &err), -VZR_E_CONFIG, &err,
		     "is not a regular file");
	unlinkat(dir, "etc/vzroot/vzroot.conf", AT_REMOVEDIR);
	big = malloc((256 << 10) + 2);
	memset(big, '\n', (256 << 10) + 1);
	big[(256 << 10) + 1] = '\0';
	put_text(dir, "etc/vzroot/vzroot.conf", big);
	free(big);
	assert_error(vzr_settings_read(settings, NULL, &err), -VZR_E_LIMIT, &err, "larger than");
}

static void test_root(void **state)
{
	struct vzr_settings *other = NULL;
	struct vzr_error err = { 0 };
	char link[96];
	int fd;

	(void)state;
	assert_error(vzr_settings_new("/no/such/root", &other, &err), -ENOENT, &err,
		     "cannot use root directory /no/such/root: No such file or directory");
	assert_null(other);
	put_text(dir, "plain", "x");
	snprintf(link, sizeof(link), "%s/plain", path);
	assert_error(vzr_settings_new(link, &other, &err), -ENOTDIR, &err, "cannot open root");
	fd = vzr_setting_mkdir(settings, "STATE_DIR", 0755, &err);
	assert_ok(fd, &err);
	close(fd);
	assert_true(exists(dir, "var/lib/vzroot"));
	assert_ok(vzr_settings_new(NULL, &other, &err), &err);
	assert_string_equal(vzr_settings_root(other), "/");
	vzr_settings_free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table),
		TEST(test_refused_values),
		TEST(test_read_both_files),
		TEST(test_read_nothing),
		TEST(test_refused_files),
		TEST(test_unsafe_files),
		TEST(test_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
