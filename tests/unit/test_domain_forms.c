/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What domain documents of each form say, and what they are warned for. */
#include "check.h"

#define SRC "<source name='alpine'/><target dir='/'/>"
#define FS(x)                                                                               \
	"<domain type='openvz'><name>101</name><devices><filesystem type='template'>" SRC x \
	"</filesystem></devices></domain>"
#define NONE VZR_NO_LIMIT

static struct vzr_domain *load(const char *text)
{
	struct vzr_error err = { 0 };
	struct vzr_domain *domain = NULL;
	int r = vzr_domain_load("dom.xml", text, strlen(text), &domain, &err);

	if (r < 0)
		fail_msg("%s: %s", err.msg, text);
	return domain;
}

static void assert_limits(const struct vzr_limits *got, struct vzr_limits want)
{
	assert_int_equal(got->block_soft_kib, want.block_soft_kib);
	assert_int_equal(got->block_hard_kib, want.block_hard_kib);
	assert_int_equal(got->inode_soft, want.inode_soft);
	assert_int_equal(got->inode_hard, want.inode_hard);
	assert_int_equal(got->grace_s, want.grace_s);
}

/* ---- limits ---- */

static const struct {
	const char *text;
	struct vzr_limits vm;
} limit_forms[] = {
	{ FS(""), { NONE, NONE, NONE, NONE, NONE } },
	{ FS("<space_hard_limit>1024</space_hard_limit>"), { NONE, 1, NONE, NONE, NONE } },
	{ FS("<space_hard_limit>1025</space_hard_limit>"), { NONE, 2, NONE, NONE, NONE } },
	{ FS("<space_hard_limit>1</space_hard_limit>"), { NONE, 1, NONE, NONE, NONE } },
	{ FS("<space_hard_limit unit=''>1024</space_hard_limit>"), { NONE, 1, NONE, NONE, NONE } },
	{ FS("<space_hard_limit unit='BYTES'>2048</space_hard_limit>"),
	  { NONE, 2, NONE, NONE, NONE } },
	{ FS("<space_hard_limit unit='k'>007</space_hard_limit>"), { NONE, 7, NONE, NONE, NONE } },
	{ FS("<space_hard_limit unit='KB'>1000</space_hard_limit>"),
	  { NONE, 977, NONE, NONE, NONE } },
	{ FS("<space_hard_limit unit='gib'>2</space_hard_limit>"
	     "<space_soft_limit unit='M'>1024</space_soft_limit>"),
	  { 1048576, 2097152, NONE, NONE, NONE } },
	{ FS("<space_hard_limit>18446744073709551615</space_hard_limit>"),
	  { NONE, 18014398509481984, NONE, NONE, NONE } },
	/* the text of an element is whole, whatever stands between */
	{ FS("<space_hard_limit unit='KiB'>1<!-- x -->0<![CDATA[0]]>&#48;<?p?></space_hard_limit>"),
	  { NONE, 1000, NONE, NONE, NONE } },
	{ FS("<quota level='vm'>102400</quota>"), { 102400, 102400, NONE, NONE, NONE } },
	{ FS("<quota type='size' max='10'/><quota type='inodes' max='20'/>"),
	  { 10, 10, 20, 20, NONE } },
	{ "<domain type='openvz'><name>a</name><metadata><v:limits xmlns:v='urn:vzroot:1'>"
	  "<v:vm grace='604800'><v:blocks soft='1' hard='2' unit='MiB'/>"
	  "<v:inodes soft='5' hard='6'/></v:vm></v:limits></metadata></domain>",
	  { 1024, 2048, 5, 6, 604800 } },
	/* of another prefix, or none */
	{ "<domain type='openvz'><name>a</name><metadata><limits xmlns='urn:vzroot:1'>"
	  "<vm><inodes hard='6'/></vm></limits></metadata></domain>",
	  { NONE, NONE, NONE, 6, NONE } },
};

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(limit_forms) / sizeof(limit_forms[0]); i++) {
		struct vzr_domain *domain = load(limit_forms[i].text);

		assert_limits(&domain->vm, limit_forms[i].vm);
		vzr_domain_free(domain);
	}
}

static void test_owners(void **state)
{
	struct vzr_domain *domain = load(
		"<domain type='openvz'><name>101</name><metadata>"
		"<app:x xmlns:app='urn:app'><app:quota>5</app:quota></app:x>"
		"<v:container xmlns:v='urn:vzroot:1'><v:limits>"
		"<v:user name='bob'><v:blocks soft='1' hard='2' unit='MB'/><v:inodes hard='7'/>"
		"</v:user><v:group name='100'><v:blocks hard='1' unit='GiB'/></v:group>"
		"<v:user name='100'><v:inodes soft='1' hard='1'/></v:user>"
		"</v:limits></v:container></metadata>"
		"<filesystem><template> alpine </template><quota level='vm'>5000</quota>"
		"<quota level='user' username='root'>10</quota>"
		"<quota level='group' groupname='wheel'>20</quota></filesystem></domain>");

	(void)state;
	assert_string_equal(domain->root.source, "alpine");
	assert_int_equal(domain->n_users, 3);
	assert_string_equal(domain->users[0].name, "root");
	assert_false(domain->users[0].resolved);
	assert_limits(&domain->users[0].limits, (struct vzr_limits){ 10, 10, NONE, NONE, NONE });
	assert_string_equal(domain->users[1].name, "bob");
	assert_limits(&domain->users[1].limits, (struct vzr_limits){ 977, 1954, NONE, 7, NONE });
	assert_string_equal(domain->users[2].name, "100");
	assert_limits(&domain->users[2].limits, (struct vzr_limits){ NONE, NONE, 1, 1, NONE });
	assert_int_equal(domain->n_groups, 2);
	assert_string_equal(domain->groups[0].name, "wheel");
	assert_limits(&domain->groups[0].limits, (struct vzr_limits){ 20, 20, NONE, NONE, NONE });
	assert_string_equal(domain->groups[1].name, "100");
	assert_limits(&domain->groups[1].limits,
		      (struct vzr_limits){ NONE, 1048576, NONE, NONE, NONE });
	assert_int_equal(domain->n_warnings, 0);
	vzr_domain_free(domain);
}

/* ---- roots ---- */

#define DOM(type, x) "<domain type='" type "'><name>a</name><devices>" x "</devices></domain>"
#define T(dir) "<filesystem type='template'><source name='t'/><target dir='" dir "'/></filesystem>"
#define M(src, dir) "<filesystem><source dir='" src "'/><target dir='" dir "'/></filesystem>"

static const struct {
	const char *text;
	enum vzr_root_type type;
	const char *source, *target;
	size_t others;
} root_forms[] = {
	{ "<domain type='openvz'><name>a</name></domain>", VZR_ROOT_NONE, NULL, NULL, 0 },
	{ DOM("openvz", T("/")), VZR_ROOT_TEMPLATE, "t", "/", 0 },
	{ DOM("openvz", T("///")), VZR_ROOT_TEMPLATE, "t", "/", 0 },
	{ DOM("openvz", T("/srv")), VZR_ROOT_TEMPLATE, "t", "/srv", 0 },
	{ DOM("openvz", T("/srv") M("/a", "/b")), VZR_ROOT_TEMPLATE, "t", "/srv", 1 },
	{ DOM("openvz", M("/a", "/b")), VZR_ROOT_MOUNT, "/a", "/b", 0 },
	{ DOM("openvz", M("/a", "/b") M("/c", "/d")), VZR_ROOT_NONE, NULL, NULL, 2 },
	{ DOM("lxc", M("/a", "/b") M("/c", "/")), VZR_ROOT_MOUNT, "/c", "/", 1 },
	{ DOM("lxc", M("/a", "/b")), VZR_ROOT_NONE, NULL, NULL, 1 },
	{ DOM("lxc", T("/srv")), VZR_ROOT_NONE, NULL, NULL, 1 },
	{ DOM("vz", T("/")), VZR_ROOT_TEMPLATE, "t", "/", 0 },
	{ DOM("qemu", M("/a", "/")), VZR_ROOT_NONE, NULL, NULL, 1 },
	{ DOM("lxc", "<filesystem type='block'><source dev='/dev/x'/><target dir='/'/>"
		     "</filesystem>"),
	  VZR_ROOT_BLOCK, "/dev/x", "/", 0 },
	{ DOM("lxc", "<filesystem type='ram'><source usage='2'/><target dir='/'/></filesystem>"),
	  VZR_ROOT_RAM, "2048", "/", 0 },
	{ DOM("lxc", "<filesystem type='ram'><source usage='1' units='MB'/><target dir='/'/>"
		     "</filesystem>"),
	  VZR_ROOT_RAM, "1000000", "/", 0 },
	{ DOM("lxc", "<filesystem type='bind'><source dir='/b'/><target dir='/'/></filesystem>"),
	  VZR_ROOT_BIND, "/b", "/", 0 },
	{ DOM("lxc", "<filesystem type='volume'><source pool='p' volume='v'/><target dir='/'/>"
		     "</filesystem>"),
	  VZR_ROOT_NONE, NULL, NULL, 1 },
	{ DOM("openvz", "<filesystem><template>\n t </template></filesystem>"), VZR_ROOT_TEMPLATE,
	  "t", "/", 0 },
	/* what is in another namespace is not libvirt's */
	{ DOM("openvz", "<e:filesystem xmlns:e='e' type='template'><source name='x'/>"
			"</e:filesystem>" T("/")),
	  VZR_ROOT_TEMPLATE, "t", "/", 0 },
	{ DOM("openvz", "<filesystem type='template'><source xmlns:e='e' e:name='../x' name='t'/>"
			"</filesystem>"),
	  VZR_ROOT_TEMPLATE, "t", "/", 0 },
	{ "<domain type='openvz'><name>a</name><metadata><v:container xmlns:v='urn:vzroot:1'>"
	  "<v:template>d-7.0</v:template></v:container></metadata></domain>",
	  VZR_ROOT_TEMPLATE, "d-7.0", "/", 0 },
	{ "<domain type='openvz'><name>a</name><metadata><v:container xmlns:v='urn:vzroot:1'>"
	  "<v:template>d-7.0</v:template></v:container></metadata><devices>" T(
		  "/") "</devices></domain>",
	  VZR_ROOT_TEMPLATE, "d-7.0", "/", 0 },
};

static void assert_text(const char *got, const char *want)
{
	if (!want)
		assert_null(got);
	else
		assert_string_equal(got, want);
}

static void test_roots(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(root_forms) / sizeof(root_forms[0]); i++) {
		struct vzr_domain *domain = load(root_forms[i].text);

		assert_int_equal(domain->root.type, root_forms[i].type);
		assert_text(domain->root.source, root_forms[i].source);
		assert_text(domain->root.target, root_forms[i].target);
		assert_int_equal(domain->n_filesystems, root_forms[i].others);
		vzr_domain_free(domain);
	}
}

/* ---- warnings ---- */

static const struct {
	const char *text;
	const char *says; /* NULL: no warning */
} warned[] = {
	{ FS(""), NULL },
	{ FS("<space_hard_limit>16777216</space_hard_limit>"), NULL },
	{ FS("<space_hard_limit unit='bytes'>1</space_hard_limit>"), NULL },
	{ "<domain type='openvz'><name>a</name><cputune><quota>1</quota></cputune></domain>",
	  NULL },
	{ FS("\n<space_hard_limit>16777215</space_hard_limit>"),
	  "line 2: /domain/devices/filesystem/space_hard_limit: 16777215 without a unit means" },
	{ FS("\n\n<quote level='vm'>5</quote>"),
	  "line 3: /domain/devices/filesystem/quote: <quote> is read as a misspelt <quota>" },
	{ DOM("openvz", T("/srv")), "target '/srv' is not '/'" },
	{ DOM("openvz", T("/") M("/a", "/b")), "supports only one filesystem" },
	{ DOM("openvz", "<filesystem type='template'><source name='debian-7.0'/></filesystem>"),
	  "'debian-7.0' cannot pass libvirt's schema" },
	{ DOM("lxc", "<filesystem><source dir='/a'/><target dir='/'/>"
		     "<space_hard_limit unit='GiB'>1</space_hard_limit></filesystem>"),
	  "limits of a root of type 'mount' are not enforced" },
	{ DOM("lxc", "<filesystem><source dir='/a'/><target dir='/b'/>"
		     "<space_hard_limit unit='GiB'>1</space_hard_limit></filesystem>"),
	  "not the root are not enforced" },
	{ FS("<e:quota xmlns:e='urn:e' level='vm'>5</e:quota>"),
	  "/e:quota: the element is ignored: it is in namespace 'urn:e'" },
	{ DOM("lxc", "<filesystem type='volume'><source pool='p' volume='v'/><target dir='/'/>"
		     "</filesystem>"),
	  "storage pool 'p', which is not read" },
	{ "<domain type='openvz'><name>100</name></domain>", "CTID 100 is kept by OpenVZ" },
};

static void test_warnings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(warned) / sizeof(warned[0]); i++) {
		struct vzr_domain *domain = load(warned[i].text);
		bool found = !warned[i].says;

		assert_int_equal(domain->n_warnings > 0, warned[i].says != NULL);
		for (size_t w = 0; w < domain->n_warnings; w++) {
			assert_memory_equal(domain->warnings[w], "line ", 5);
			found = found || strstr(domain->warnings[w], warned[i].says);
		}
		if (!found)
			fail_msg("'%s' is not warned: '%s'", warned[i].says, domain->warnings[0]);
		vzr_domain_free(domain);
	}
}

/* ---- the rest of a document ---- */

static void test_head(void **state)
{
	struct vzr_domain *domain =
		load("\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\n"
		     "<domain type='openvz' id='7'><name>2147483644</name>"
		     "<uuid>86C12009e591a1596e9f91d18b85ef78</uuid><memory unit='MiB'>1</memory>"
		     "<currentMemory>512</currentMemory><vcpu placement='static'>9999</vcpu>"
		     "<os><type arch='x86_64'>exe</type><init>/sbin/init</init></os></domain>");

	(void)state;
	assert_string_equal(domain->type, "openvz");
	assert_string_equal(domain->name, "2147483644");
	assert_int_equal(domain->ctid, 2147483644);
	assert_string_equal(domain->uuid, "86c12009-e591-a159-6e9f-91d18b85ef78");
	assert_int_equal(domain->memory_kib, 1024);
	assert_int_equal(domain->current_memory_kib, 512);
	assert_int_equal(domain->vcpus, 9999);
	assert_string_equal(domain->arch, "x86_64");
	assert_string_equal(domain->init, "/sbin/init");
	assert_null(domain->hostname);
	vzr_domain_free(domain);
}

static void test_names(void **state)
{
	static const struct {
		const char *text;
		const char *name;
		uint32_t ctid;
	} names[] = {
		{ "<domain type='openvz'><name>101</name></domain>", "101", 101 },
		{ "<domain type='openvz'><name>101<!-- web --></name></domain>", "101", 101 },
		{ "<domain type='openvz'><name>web1</name></domain>", "web1", 0 },
		{ "<domain type='openvz'><name>1e3</name></domain>", "1e3", 0 },
		{ "<domain type='openvz'><name>web</name><vpsid>102</vpsid></domain>", "web", 102 },
		{ "<domain type='openvz'><name>102</name><vpsid>102</vpsid></domain>", "102", 102 },
		/* a number is a CTID in OpenVZ only */
		{ "<domain type='lxc'><name>0107</name></domain>", "0107", 0 },
		{ "<domain type='vz'><name>1010</name></domain>", "1010", 0 },
		{ "<domain type='qemu'><name>my guest</name></domain>", "my guest", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct vzr_domain *domain = load(names[i].text);

		assert_string_equal(domain->name, names[i].name);
		assert_int_equal(domain->ctid, names[i].ctid);
		vzr_domain_free(domain);
	}
}

static void test_network(void **state)
{
	struct vzr_domain *domain = load(
		"<domain type='openvz'><name>101</name><devices><interface type='bridge'>"
		"<mac address='00:18:51:5b:ea:bf'/><source bridge='br0'/>"
		"<target dev='veth101.0'/><guest dev='eth0'/></interface>"
		"<interface type='route'><ip address='192.168.122.1'/>"
		"<ip address='2001:db8::1' family='ipv6' prefix='64'/></interface></devices>"
		"<network><hostname> web </hostname><nameserver/><nameserver>10.0.0.53</nameserver>"
		"<ip address='10.0.0.2' netmask='255.255.240.0' defgw='10.0.0.1'/></network>"
		"<profile>vps.basic</profile><onboot>true</onboot></domain>");

	(void)state;
	assert_int_equal(domain->n_interfaces, 3);
	assert_string_equal(domain->interfaces[0].type, "bridge");
	assert_string_equal(domain->interfaces[0].mac, "00:18:51:5b:ea:bf");
	assert_string_equal(domain->interfaces[0].bridge, "br0");
	assert_string_equal(domain->interfaces[0].host_name, "veth101.0");
	assert_string_equal(domain->interfaces[0].guest_name, "eth0");
	assert_int_equal(domain->interfaces[0].n_ips, 0);
	assert_string_equal(domain->interfaces[1].type, "route");
	assert_null(domain->interfaces[1].mac);
	assert_int_equal(domain->interfaces[1].n_ips, 2);
	assert_string_equal(domain->interfaces[1].ips[0], "192.168.122.1");
	assert_string_equal(domain->interfaces[1].ips[1], "2001:db8::1/64");
	assert_string_equal(domain->interfaces[2].type, "ethernet");
	assert_int_equal(domain->interfaces[2].n_ips, 1);
	assert_string_equal(domain->interfaces[2].ips[0], "10.0.0.2/20");
	assert_string_equal(domain->hostname, "web");
	assert_int_equal(domain->n_nameservers, 1);
	assert_string_equal(domain->nameservers[0], "10.0.0.53");
	assert_string_equal(domain->profile, "vps.basic");
	assert_true(domain->onboot);
	vzr_domain_free(domain);
}

static void test_container_form(void **state)
{
	struct vzr_domain *domain =
		load("<domain type='openvz'><name>105</name><container><filesystem>"
		     "<template>gentoo</template></filesystem><network>"
		     "<ipaddress>192.168.1.105</ipaddress><netmask>255.255.255.0</netmask>"
		     "<hostname>web</hostname><gateway>192.168.1.1</gateway>"
		     "<nameserver>192.168.1.1</nameserver></network><profile>vps</profile>"
		     "</container></domain>");

	(void)state;
	assert_int_equal(domain->root.type, VZR_ROOT_TEMPLATE);
	assert_string_equal(domain->root.source, "gentoo");
	assert_int_equal(domain->n_interfaces, 1);
	assert_string_equal(domain->interfaces[0].ips[0], "192.168.1.105/24");
	assert_string_equal(domain->hostname, "web");
	assert_string_equal(domain->nameservers[0], "192.168.1.1");
	assert_string_equal(domain->profile, "vps");
	vzr_domain_free(domain);
}

static void test_idmap(void **state)
{
	struct vzr_domain *domain =
		load("<domain type='lxc'><name>a</name><idmap><uid start='0' target='100000' "
		     "count='65536'/><gid start='0' target='100000' "
		     "count='4294867295'/></idmap></domain>");

	(void)state;
	assert_int_equal(domain->n_idmaps, 2);
	assert_false(domain->idmaps[0].is_group);
	assert_int_equal(domain->idmaps[0].target, 100000);
	assert_int_equal(domain->idmaps[0].count, 65536);
	assert_true(domain->idmaps[1].is_group);
	assert_int_equal(domain->idmaps[1].count, 4294867295u);
	vzr_domain_free(domain);
}

static void test_type_names(void **state)
{
	(void)state;
	assert_string_equal(vzr_root_type_name(VZR_ROOT_NONE), "none");
	assert_string_equal(vzr_root_type_name(VZR_ROOT_TEMPLATE), "template");
	assert_string_equal(vzr_root_type_name(VZR_ROOT_RAM), "ram");
	vzr_domain_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),	cmocka_unit_test(test_owners),
		cmocka_unit_test(test_roots),	cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_head),	cmocka_unit_test(test_names),
		cmocka_unit_test(test_network), cmocka_unit_test(test_container_form),
		cmocka_unit_test(test_idmap),	cmocka_unit_test(test_type_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
