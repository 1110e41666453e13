/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Single values of a domain set from elsewhere: what they become, and what is refused. */
#include "tests/unit/check.h"

static const char document[] =
	"<domain type='openvz'><name>%s</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
	"<devices><filesystem type='template'><source name='debian'/><target dir='/'/>"
	"<space_hard_limit unit='MiB'>64</space_hard_limit></filesystem>"
	"<interface type='bridge'><ip address='10.0.0.9'/></interface></devices></domain>";

static struct vzr_domain *load(const char *name)
{
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_domain *domain = NULL;
	char text[1024];

	snprintf(text, sizeof(text), document, name);
	assert_ok(vzr_domain_load("d", text, strlen(text), &domain, &err), &err);
	return domain;
}

static void set(struct vzr_domain *d, const char *key, const char *value)
{
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(vzr_domain_set(d, key, value, &err), &err);
}

static void names(void **state)
{
	struct vzr_domain *d = load("web");

	(void)state;
	set(d, "name", "db");
	set(d, "uuid", "AAAAAAAA-2222-3333-4444-555555555555");
	set(d, "hostname", "db.example");
	set(d, "template", "alpine");
	assert_string_equal(d->name, "db");
	assert_string_equal(d->uuid, "aaaaaaaa-2222-3333-4444-555555555555");
	assert_string_equal(d->hostname, "db.example");
	assert_string_equal(d->root.source, "alpine");
	set(d, "uuid", "none");
	set(d, "hostname", "none");
	set(d, "name", "none");
	assert_null(d->uuid);
	assert_null(d->hostname);
	assert_null(d->name);
	vzr_domain_free(d);
}

/* The name of digits and the id are one thing. */
static void ids(void **state)
{
	struct vzr_domain *d = load("150");

	(void)state;
	assert_int_equal(d->ctid, 150);
	set(d, "ctid", "151");
	assert_string_equal(d->name, "151");
	set(d, "name", "152");
	assert_int_equal(d->ctid, 152);
	set(d, "name", "web");
	assert_int_equal(d->ctid, 0);
	set(d, "ctid", "153");
	set(d, "name", "db");
	assert_int_equal(d->ctid, 153);
	assert_string_equal(d->name, "db");
	vzr_domain_free(d);
}

static void addresses(void **state)
{
	struct vzr_domain *d = load("web");

	(void)state;
	set(d, "ips", " 10.0.0.1/24, 2001:db8::1 ;10.0.0.2");
	assert_int_equal(d->n_interfaces, 1);
	assert_string_equal(d->interfaces[0].type, "bridge");
	assert_int_equal(d->interfaces[0].n_ips, 3);
	assert_string_equal(d->interfaces[0].ips[0], "10.0.0.1/24");
	assert_string_equal(d->interfaces[0].ips[2], "10.0.0.2");
	set(d, "ips", "none");
	assert_int_equal(d->interfaces[0].n_ips, 0);
	vzr_domain_free(d);
}

static void limits(void **state)
{
	struct vzr_domain *d = load("web");

	(void)state;
	set(d, "vm_block_soft", "1 MiB");
	set(d, "vm_block_hard", "2048");
	set(d, "vm_inode_soft", "10");
	set(d, "vm_inode_hard", "20");
	assert_int_equal(d->vm.block_soft_kib, 1024);
	assert_int_equal(d->vm.block_hard_kib, 2048);
	assert_int_equal(d->vm.inode_soft, 10);
	assert_int_equal(d->vm.inode_hard, 20);
	set(d, "vm_block_hard", "3GB");
	assert_int_equal(d->vm.block_hard_kib, 2929688);
	set(d, "vm_inode_hard", "none");
	assert_true(d->vm.inode_hard == VZR_NO_LIMIT);
	set(d, "user:bob", "1MiB:2MiB/5:6");
	set(d, "user:1000", "1MiB");
	set(d, "group:staff", "7 KiB");
	assert_int_equal(d->n_users, 2);
	assert_string_equal(d->users[0].name, "bob");
	assert_int_equal(d->users[0].limits.block_soft_kib, 1024);
	assert_int_equal(d->users[0].limits.inode_hard, 6);
	assert_int_equal(d->users[1].limits.block_soft_kib, 1024);
	assert_true(d->users[1].limits.inode_hard == VZR_NO_LIMIT);
	set(d, "user:bob", "none/9");
	assert_true(d->users[0].limits.block_hard_kib == VZR_NO_LIMIT);
	assert_int_equal(d->users[0].limits.inode_hard, 9);
	set(d, "user:bob", "none");
	assert_int_equal(d->n_users, 1);
	assert_string_equal(d->users[0].name, "1000");
	assert_int_equal(d->n_groups, 1);
	vzr_domain_free(d);
}

static void refusals(void **state)
{
	static const struct {
		const char *key, *value, *words;
	} cases[] = {
		{ "colour", "red", "'colour' is not a value that can be set" },
		{ "name", "a/b", "name" },
		{ "name", "7", "'7' is not in 101..2147483644" },
		{ "ctid", "0101", "'0101' is not in" },
		{ "ctid", "many", "'many' is not in" },
		{ "uuid", "1111", "'1111' is not a UUID" },
		{ "template", "../x", "template name" },
		{ "hostname", "a..b", "is not a host name" },
		{ "hostname", "a b", "is not a host name" },
		{ "ips", "10.0.0.256", "'10.0.0.256' is not an IP address" },
		{ "ips", "10.0.0.1/33", "'10.0.0.1/33' is not an IP address" },
		{ "vm_block_hard", "x", "'x' is not a size" },
		{ "vm_block_hard", "5 parsec", "unit 'parsec' is not known" },
		{ "vm_block_hard", "0", "0 is 0 or too large" },
		{ "vm_block_hard", "99999999999999999999", "too large" },
		{ "vm_block_hard", "17179869184 GiB", "too large" },
		{ "vm_inode_hard", "-1", "'-1' is not a number above 0" },
		{ "user:", "1MiB", "no name of a user" },
		{ "user:a b", "1MiB", "no name of a user" },
		{ "user:bob", "1MiB:2MiB:3MiB", "unit 'MiB:3MiB' is not known" },
		{ "group:x", "1MiB/many", "'many' is not a number" },
	};
	struct vzr_domain *d = load("web");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vzr_error err = VZR_ERROR_INIT;

		assert_error(vzr_domain_set(d, cases[i].key, cases[i].value, &err), -VZR_E_INPUT,
			     &err, cases[i].words);
	}
	assert_string_equal(d->name, "web");
	vzr_domain_free(d);
}

static void pairs(void **state)
{
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_domain *d = load("web");

	(void)state;
	assert_ok(vzr_domain_check(d, &err), &err);
	set(d, "vm_block_soft", "65 MiB");
	assert_error(vzr_domain_check(d, &err), -VZR_E_INPUT, &err, "is above the hard one");
	set(d, "vm_block_hard", "none");
	assert_error(vzr_domain_check(d, &err), -VZR_E_INPUT, &err, "without a hard one");
	set(d, "vm_block_soft", "none");
	set(d, "user:bob", "3MiB:2MiB");
	assert_error(vzr_domain_check(d, &err), -VZR_E_INPUT, &err, "bob: the soft space limit");
	set(d, "user:bob", "1MiB/9:8");
	assert_error(vzr_domain_check(d, &err), -VZR_E_INPUT, &err, "bob: the soft inode limit");
	vzr_domain_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),    cmocka_unit_test(ids),	cmocka_unit_test(addresses),
		cmocka_unit_test(limits),   cmocka_unit_test(refusals), cmocka_unit_test(pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
