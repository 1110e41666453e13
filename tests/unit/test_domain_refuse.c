/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a domain document is refused for: each with its code, place, path and own sentence. */
#include "check.h"

#define HEAD "<domain type='openvz'><name>101</name>"
#define DEV(x) HEAD "<devices>" x "</devices></domain>"
#define SRC "<source name='alpine'/><target dir='/'/>"
#define FS(x) DEV("<filesystem type='template'>" SRC x "</filesystem>")
#define NAME(x) "<domain type='openvz'>" x "</domain>"
#define V(x) HEAD "<metadata>" x "</metadata></domain>"
#define OURS "xmlns:v='urn:vzroot:1'"
#define LIMITS(x) V("<v:limits " OURS ">" x "</v:limits>")
#define LXC(x) "<domain type='lxc'><name>a</name><devices>" x "</devices></domain>"

struct refusal {
	const char *text;
	const char *says;
};

static const struct refusal inputs[] = {
	/* the document and its name */
	{ "<domainCapabilities/>", "not a <domain>" },
	{ "<filesystem><template>a</template></filesystem>", "not a <domain>" },
	{ "<domain xmlns='urn:x' type='openvz'><name>101</name></domain>",
	  "is in namespace 'urn:x'" },
	{ "<domain><name>101</name></domain>", "attribute 'type' is missing" },
	{ "<domain xmlns:e='e' e:type='openvz'><name>1</name></domain>", "'type' is missing" },
	{ "<domain type='open vz'><name>101</name></domain>", "no type of a domain" },
	{ NAME(""), "/domain: <name> is missing" },
	{ NAME("<name/>"), "the name is empty" },
	{ NAME("<name>a\nb</name>"), "line break" },
	{ NAME("<name>a</name><name>b</name>"), "/domain/name[2]: a second <name>" },
	{ NAME("<name>../x</name>"), "not allowed" },
	{ NAME("<name>-rf</name>"), "'-rf' is not allowed" },
	{ NAME("<name>1<b/>0</name>"), "an element stands inside the value" },
	{ NAME("<name>0107</name>"), "leading zero" },
	{ NAME("<name>0</name>"), "leading zero" },
	{ NAME("<name>99</name>"), "not in 101..2147483644" },
	{ NAME("<name>2147483645</name>"), "not in 101..2147483644" },
	{ NAME("<name>99999999999999999999999</name>"), "not in 101..2147483644" },
	{ NAME("<name>a</name><vpsid>12x</vpsid>"), "not a whole number" },
	{ NAME("<name>102</name><vpsid>101</vpsid>"), "101 here and 102 in <name>" },
	{ NAME("<name>a</name><onboot>maybe</onboot>"), "neither true nor false" },
	{ NAME("<name>a</name><uuid>1234</uuid>"), "is not a UUID" },
	{ NAME("<name>a</name><uuid>86c12009-e591-a159-6e9f-91d18b85ef7g</uuid>"), "not a UUID" },
	{ NAME("<name>a</name><uuid>86c12009e-591-a159-6e9f-91d18b85ef78</uuid>"), "not a UUID" },
	{ NAME("<name>a</name><memory>1.5</memory>"), "memory '1.5' is not a whole number" },
	{ NAME("<name>a</name><memory unit='x'>1</memory>"), "unit 'x' is not known" },
	{ NAME("<name>a</name><memory units='KiB'>1</memory>"), "it is called 'unit'" },
	{ NAME("<name>a</name><memory unit='EiB'>16</memory>"), "too large: more than 2^64" },
	{ NAME("<name>a</name><vcpu>two</vcpu>"), "number of CPUs 'two'" },
	{ NAME("<name>a</name><profile>../x</profile>"), "profile" },
	{ NAME("<name>a</name><os><init>sh</init></os>"), "not an absolute path" },
	/* templates and roots */
	{ DEV("<disk><template>a</template></disk>"), "belongs in <filesystem>, not in <disk>" },
	{ DEV("<disk type='template'><source name='a'/></disk>"), "not in <disk>" },
	{ HEAD "<disk><template>a</template></disk></domain>", "a disk is a block device" },
	{ HEAD "<template>a</template></domain>", "/domain/template: a <template> belongs in" },
	{ HEAD "<os><filesystem/></os></domain>", "a <filesystem> belongs in <devices>" },
	{ DEV("<filesystem type='template'><source name='a/b'/></filesystem>"),
	  "template name 'a/b'" },
	{ DEV("<filesystem type='template'><source name='..'/></filesystem>"), "'..' in it" },
	{ DEV("<filesystem type='template'><source name='a..b'/></filesystem>"), "'..' in it" },
	{ DEV("<filesystem type='template'><source name='-x'/></filesystem>"),
	  "'-x' is not allowed" },
	{ DEV("<filesystem type='template'><source name='a&#10;b'/></filesystem>"),
	  "template name" },
	{ DEV("<filesystem type='template'><source name=''/></filesystem>"), "missing or empty" },
	{ DEV("<filesystem type='template'><source/></filesystem>"), "'name' is missing" },
	{ DEV("<filesystem type='template'><source xmlns:e='e' e:name='x'/></filesystem>"),
	  "'name' is missing" },
	{ DEV("<filesystem type='template'/>"), "needs <source name='...'/>" },
	{ DEV("<filesystem type='templat'><source name='a'/></filesystem>"),
	  "type 'templat' is not" },
	{ DEV("<filesystem type='mount'><template>a</template></filesystem>"), "cannot have a" },
	{ DEV("<filesystem><template>a</template><source name='a'/></filesystem>"), "named twice" },
	{ DEV("<filesystem><template/></filesystem>"), "template name is empty" },
	{ DEV("<filesystem><source dir='x'/><target dir='/'/></filesystem>"),
	  "not an absolute path" },
	{ DEV("<filesystem><source dir='/x'/></filesystem>"), "<target dir='...'/> is missing" },
	{ DEV("<filesystem><source dir='/x'/><target/></filesystem>"), "'dir' is missing" },
	{ DEV("<filesystem><source dir='/x'/><target dir='/../y'/></filesystem>"), "'..' in it" },
	{ DEV("<filesystem type='ram'><source usage='1' units='k/s'/><target "
	      "dir='/'/></filesystem>"),
	  "unit 'k/s' is not known" },
	{ DEV("<filesystem type='volume'><source volume='v'/><target dir='/'/></filesystem>"),
	  "'pool' is missing" },
	{ FS("</filesystem><filesystem type='template'><source name='b'/><target dir='/srv'/>"),
	  "/domain/devices/filesystem[2]: a second root" },
	{ LXC("<filesystem><source dir='/a'/><target dir='/'/></filesystem>"
	      "<filesystem><source dir='/b'/><target dir='//'/></filesystem>"),
	  "a second root: the one of line 1" },
	{ HEAD "<os template='a'/><devices><filesystem type='template'>" SRC
	       "</filesystem></devices></domain>",
	  "a second root" },
	/* space limits of libvirt */
	{ FS("<space_hard_limit>0</space_hard_limit>"), "a hard space limit of 0" },
	{ FS("<space_hard_limit/>"), "space_hard_limit '' is not a whole number" },
	{ FS("<space_hard_limit>-1</space_hard_limit>"), "'-1' is not a whole number" },
	{ FS("<space_hard_limit>1.5</space_hard_limit>"), "'1.5' is not a whole number" },
	{ FS("<space_hard_limit> 1 </space_hard_limit>"), "' 1 ' is not a whole number" },
	{ FS("<space_hard_limit>0x10</space_hard_limit>"), "'0x10' is not a whole number" },
	{ FS("<space_hard_limit>1GiB</space_hard_limit>"), "'1GiB' is not a whole number" },
	{ FS("<space_hard_limit>18446744073709551616</space_hard_limit>"), "is too large" },
	{ FS("<space_hard_limit unit='KiB'>18014398509481984</space_hard_limit>"), "2^64 bytes" },
	{ FS("<space_hard_limit unit='ZiB'>1</space_hard_limit>"), "unit 'ZiB' is not known" },
	{ FS("<space_hard_limit unit='Ki'>1</space_hard_limit>"), "unit 'Ki' is not known" },
	{ FS("<space_hard_limit unit='GiB '>1</space_hard_limit>"), "unit 'GiB ' is not known" },
	{ FS("<space_hard_limit units='GiB'>1</space_hard_limit>"), "it is called 'unit'" },
	{ FS("<space_hard_limit size='GiB'>1</space_hard_limit>"), "'size' is not known here" },
	{ FS("<space_hard_limit xmlns:e='urn:e' e:unit='GiB'>1</space_hard_limit>"),
	  "would not count" },
	{ FS("<space_hard_limit>1<x/>0</space_hard_limit>"), "an element stands inside" },
	{ FS("<space_hard_limit>2</space_hard_limit><space_hard_limit>2</space_hard_limit>"),
	  "/domain/devices/filesystem/space_hard_limit[2]: the hard space limit is given twice" },
	{ FS("<space_soft_limit>1</space_soft_limit>"), "a soft space limit without a hard one" },
	{ FS("<space_hard_limit>1</space_hard_limit><space_soft_limit>2</space_soft_limit>"),
	  "the soft space limit (2) is above the hard one (1 of line 1)" },
	/* both round up to the same KiB, but were not meant so */
	{ FS("<space_hard_limit>1000</space_hard_limit><space_soft_limit>1001</space_soft_limit>"),
	  "is above the hard one" },
	/* quotas of 2007 and 2008 */
	{ FS("<quota>5</quota>"), "a quota needs level='vm'" },
	{ FS("<quota level='VM'>5</quota>"), "quota level 'VM' is not known (vm, user, group)" },
	{ FS("<quota level='project'>5</quota>"), "level 'project' is not known" },
	{ FS("<quota level='vm' unit='MiB'>5</quota>"), "attribute 'unit' is not known here" },
	{ FS("<quota level='vm' username='root'>5</quota>"), "'username' is not known here" },
	{ FS("<quota level='user'>5</quota>"), "needs the attribute 'username'" },
	{ FS("<quota level='user' groupname='a'>5</quota>"), "'groupname' is not known here" },
	{ FS("<quota level='group'>5</quota>"), "needs the attribute 'groupname'" },
	{ FS("<quota level='user' username=''>5</quota>"), "name of the user is empty" },
	{ FS("<quota level='user' username='a b'>5</quota>"), "cannot be a name" },
	{ FS("<quota level='user' username='a:b'>5</quota>"), "cannot be a name" },
	{ FS("<quota level='user' username='007'>5</quota>"), "leading zero" },
	{ FS("<quota level='user' username='4294967295'>5</quota>"), "at most 4294967294" },
	{ FS("<quota level='vm'>0</quota>"), "space limit of 0" },
	{ FS("<quota level='vm'/>"), "quota '' is not a whole number" },
	{ FS("<quota level='vm'>5k</quota>"), "quota '5k' is not a whole number" },
	{ FS("<quota level='vm'>18014398509481984</quota>"), "too large" },
	{ FS("<quota level='vm'>5</quota><quota level='vm'>5</quota>"),
	  "/domain/devices/filesystem/quota[2]: the hard space limit is given twice" },
	{ FS("<space_hard_limit>5</space_hard_limit><quota level='vm'>5</quota>"), "given twice" },
	{ FS("<quota level='user' username='a'>5</quota><quota level='user' "
	     "username='a'>6</quota>"),
	  "user 'a' has limits twice (first on line 1)" },
	{ FS("<quota level='group' groupname='a'>5</quota>"
	     "<quota level='group' groupname='a'>5</quota>"),
	  "group 'a' has limits twice" },
	{ FS("<quota level='vm' type='size' max='5'/>"), "not both" },
	{ FS("<quota type='size'/>"), "'max' is missing" },
	{ FS("<quota type='files' max='5'/>"), "quota type 'files' is not known" },
	{ FS("<quota type='size' max='5' min='1'/>"), "'min' is not known here" },
	{ FS("<quota type='size' max='5'>6</quota>"), "text '6' is not known here" },
	{ FS("<quota type='inodes' max='5'/><quota type='inodes' max='5'/>"),
	  "hard inode limit is given twice" },
	/* quotas that nobody would read */
	{ FS("<Quota level='vm'>5</Quota>"), "<Quota> is not known in a <filesystem>" },
	{ FS("<spacehardlimit>5</spacehardlimit>"), "not known in a <filesystem>" },
	{ FS("<hard_limit>5</hard_limit>"), "not known in a <filesystem>" },
	{ FS("<source name='b'/>"), "a second <source>" },
	{ FS("<alias><quota level='vm'>5</quota></alias>"), "is not read here" },
	{ DEV("<filesystem type='template' quota='5'>" SRC "</filesystem>"), "looks like a quota" },
	{ DEV("<filesystem type='template' size='5'>" SRC "</filesystem>"), "'size' is not known" },
	{ DEV("<disk><quota level='vm'>5</quota></disk>"), "inside a <disk> limits nothing" },
	{ DEV("<disk><space_hard_limit>5</space_hard_limit></disk>"), "inside a <disk>" },
	{ DEV("<quota level='vm'>5</quota>"), "/domain/devices/quota: <quota> is not read here" },
	{ HEAD "<quota level='vm'>5</quota></domain>", "/domain/quota: <quota> is not read here" },
	{ HEAD "<space-hard-limit>5</space-hard-limit></domain>", "is not read here" },
	{ HEAD "<metadata><quota>5</quota></metadata></domain>", "is not read here" },
	{ "<domain type='openvz' quota='5'><name>101</name></domain>", "looks like a quota" },
	{ DEV("<disk quota='5'/>"), "attribute 'quota' looks like a quota" },
	/* metadata */
	{ V("<v:limit " OURS "/>"), "<limit> is not known here (container, limits)" },
	{ V("<v:limits xmlns:v='urn:vzroot:2'/>"), "namespace 'urn:vzroot:2' is not known" },
	{ V("<v:limits " OURS "/><v:container " OURS "/>"), "a second element of urn:vzroot:1" },
	{ HEAD "<v:limits " OURS "/></domain>", "belongs at the top of <metadata>" },
	{ LIMITS("<v:project/>"), "<project> is not known here (vm, user, group" },
	{ LIMITS("<vm/>"), "<vm> is not known here" },
	{ LIMITS("50"), "text '50' is not known here" },
	{ LIMITS("<v:vm/>"), "sets no limit" },
	{ LIMITS("<v:vm size='5'/>"), "'size' is not known here (known: 'grace')" },
	{ LIMITS("<v:vm v:grace='5'/>"), "would not count" },
	{ LIMITS("<v:vm grace='0'/>"), "a grace time of 0" },
	{ LIMITS("<v:vm grace='7d'/>"), "grace '7d' is not a whole number" },
	{ LIMITS("<v:vm grace='4294967296'/>"), "grace 4294967296 is too large" },
	{ LIMITS("<v:vm><v:inodes/></v:vm>"), "neither 'soft' nor 'hard'" },
	{ LIMITS("<v:vm><v:inodes soft='5'/></v:vm>"), "soft inode limit without a hard one" },
	{ LIMITS("<v:vm><v:inodes soft='5' hard='4'/></v:vm>"), "soft inode limit (5) is above" },
	{ LIMITS("<v:vm><v:inodes hard='18446744073709551615'/></v:vm>"), "too large" },
	{ LIMITS("<v:vm><v:inodes hard='5' unit='k'/></v:vm>"), "'unit' is not known here" },
	{ LIMITS("<v:vm><v:files hard='5'/></v:vm>"), "<files> is not known here" },
	{ LIMITS("<v:user><v:inodes hard='5'/></v:user>"), "'name' is missing" },
	{ LIMITS("<v:user name='a'/>"), "sets no limit" },
	{ LIMITS("<v:user name='a' grace='5'><v:inodes hard='5'/></v:user>"), "'grace' is not" },
	{ LIMITS("<v:user name='a'><v:blocks soft='2' hard='1' unit='G'/></v:user>"), "is above" },
	{ LIMITS("<v:user name='a'><v:blocks hard='1' unit='X'/></v:user>"), "unit 'X'" },
	{ LIMITS("<v:user name='a'><v:inodes hard='5'/></v:user>"
		 "<v:user name='a'><v:inodes hard='5'/></v:user>"),
	  "/domain/metadata/v:limits/v:user[2]: user 'a' has limits twice" },
	{ V("<v:container " OURS "><v:nodename/></v:container>"), "<nodename> is not known here" },
	{ V("<v:container " OURS "><v:hostname>a b</v:hostname></v:container>"),
	  "not a host name" },
	{ V("<v:container " OURS "><v:hostname>a</v:hostname><v:hostname>a</v:hostname>"
	    "</v:container>"),
	  "a second <hostname>" },
	{ V("<v:container " OURS "><v:nameserver>ns1</v:nameserver></v:container>"), "IP address" },
	{ V("<v:container " OURS "><v:template>a/b</v:template></v:container>"), "template name" },
	{ "<domain type='lxc'><name>a</name><devices><filesystem><source dir='/a'/>"
	  "<target dir='/'/></filesystem></devices><metadata><v:container " OURS ">"
	  "<v:template>a</v:template></v:container></metadata></domain>",
	  "which cannot have a template" },
	{ "<domain type='qemu'><name>a</name><metadata><v:container " OURS ">"
	  "<v:template>a</v:template></v:container></metadata></domain>",
	  "type 'qemu' is no container" },
	{ HEAD "<container><filesytem/></container></domain>", "not known in a <container>" },
	{ HEAD "<metadata/><metadata/></domain>", "a second <metadata>" },
	{ HEAD "<idmap/><idmap/></domain>", "a second <idmap>" },
	{ HEAD "<os/><os/></domain>", "a second <os>" },
	{ HEAD "<container/><container/></domain>", "a second <container>" },
	/* network */
	{ DEV("<interface/>"), "attribute 'type' is missing" },
	{ DEV("<interface type='bridge'><mac address='00:11'/></interface>"), "no MAC address" },
	{ DEV("<interface type='bridge'><source bridge='br;0'/></interface>"), "network device" },
	{ DEV("<interface type='bridge'><target dev='0123456789abcdef'/></interface>"),
	  "network device" },
	{ DEV("<interface type='ethernet'><ip address='10.0.0'/></interface>"),
	  "not an IP address" },
	{ DEV("<interface type='ethernet'><ip address='::1' prefix='129'/></interface>"),
	  "prefix 129 is too large" },
	{ DEV("<interface type='ethernet'><ip/></interface>"), "'address' is missing" },
	{ HEAD "<network><ip address='10.0.0.1' netmask='255.0.255.0'/></network></domain>",
	  "not a netmask" },
	{ HEAD "<network><hostname>-a</hostname></network></domain>", "not a host name" },
	/* ids */
	{ HEAD "<idmap><uid start='0' target='1'/></idmap></domain>", "'count' is missing" },
	{ HEAD "<idmap><uid start='0' target='1' count='0'/></idmap></domain>", "range is empty" },
	{ HEAD "<idmap><uid start='5' target='1' count='4294967294'/></idmap></domain>",
	  "passes the last id" },
	{ HEAD "<idmap><uid start='0' target='9' count='5'/><uid start='4' target='99' count='5'/>"
	       "</idmap></domain>",
	  "ids overlap" },
};

static const struct refusal ill_formed[] = {
	{ "", "the document is empty" },
	{ "   ", "not well-formed" },
	{ "text", "not well-formed" },
	{ "<domain", "not well-formed" },
	{ "<domain></domain><domain/>", "not well-formed" },
	{ "<domain a='1' a='2'/>", "not well-formed" },
	{ "<v:domain/>", "not well-formed: Namespace prefix v" },
	{ "<domain><name>&xxe;</name></domain>", "an entity is not accepted" },
	{ "<!DOCTYPE domain><domain/>", ":1:1: a DOCTYPE is not accepted" },
	{ "<!DOCTYPE domain SYSTEM 'file:///etc/passwd'><domain/>", "a DOCTYPE is not accepted" },
	{ "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><d>&x;</d>", "DOCTYPE" },
	{ "<!DOCTYPE d [<!ATTLIST d type CDATA 'openvz'>]><domain/>", "DOCTYPE" },
	{ "<?xml version='1.0' encoding='UTF-7'?><domain/>", "encoding 'UTF-7' is not accepted" },
	{ "<?xml version='1.0' encoding=\"ISO-8859-1\"?><domain/>",
	  "'ISO-8859-1' is not accepted" },
	{ "<?xml version='1.0' encoding = 'UTF-16'?><domain/>", "'UTF-16' is not accepted" },
	{ "<domain>\xe9</domain>", ":1:9: byte 0xe9 is not UTF-8" },
	{ "<domain>\xc0\xaf</domain>", "byte 0xc0 is not UTF-8" },
	{ "<domain>\xed\xa0\x80</domain>", "byte 0xed is not UTF-8" },
	{ "<domain>\n\xf4\x90\x80\x80</domain>", ":2:1: byte 0xf4 is not UTF-8" },
	{ "<domain>&#0;</domain>", "not well-formed" },
	{ "\xff\xfe<", "UTF-16" },
	{ "\xfe\xff", "UTF-16" },
	{ "\x1f\x8b\x08", "compressed with gzip" },
	{ "BZh9", "compressed with bzip2" },
	{ "<?oasis-xml-catalog catalog='http://example.org/c'?><domain/>", "an XML catalog" },
	{ HEAD "<filesystem>\n<quote level='vm'>5</quota></filesystem></domain>",
	  ":2:20: not well-formed: <quote> of line 2 is closed by </quota>; the element is "
	  "<quota>" },
	{ HEAD "<filesystem><quota level='vm'>5</quote></filesystem></domain>",
	  "write <quota ...>" },
	{ "<domain>\n<a></b></domain>", ":2:4: not well-formed: <a> of line 2 is closed by </b>" },
};

static void check(const struct refusal *refusal, int code)
{
	struct vzr_error err = { 0 };
	struct vzr_domain *domain = NULL;
	int r = vzr_domain_load("dom.xml", refusal->text, strlen(refusal->text), &domain, &err);

	if (r != code || !strstr(err.msg, refusal->says))
		print_error("%s\n", refusal->text);
	assert_null(domain);
	assert_error(r, code, &err, refusal->says);
	assert_memory_equal(err.msg, "dom.xml:", 8);
	assert_true(err.line > 0 && err.column > 0);
	/* One sentence, and no byte that a terminal would act upon. */
	for (const char *p = err.msg; *p; p++)
		assert_true((unsigned char)*p >= ' ');
	/* The message is optional, the code is not. */
	assert_int_equal(vzr_domain_load("dom.xml", refusal->text, strlen(refusal->text), &domain,
					 NULL),
			 code);
}

static void test_inputs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		check(&inputs[i], -VZR_E_INPUT);
}

static void test_ill_formed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ill_formed) / sizeof(ill_formed[0]); i++)
		check(&ill_formed[i], -VZR_E_ILL_FORMED);
}

static void test_place(void **state)
{
	static const char text[] = "<domain type='openvz'>\n  <name>101</name>\n  <devices>\n"
				   "    <filesystem type='template'>\n      <source name='a'/>\n"
				   "      <quota level='vm'>5</quota>\n"
				   "      <quota\n       level='vm'>5</quota>\n"
				   "    </filesystem>\n  </devices>\n</domain>\n";
	struct vzr_error err = { 0 };
	struct vzr_domain *domain;

	(void)state;
	assert_error(vzr_domain_load("d", text, strlen(text), &domain, &err), -VZR_E_INPUT, &err,
		     "d:7:7: /domain/devices/filesystem/quota[2]: ");
	assert_int_equal(err.line, 7);
	assert_int_equal(err.column, 7);
	assert_non_null(strstr(err.msg, "first on line 6"));
}

static void test_nul(void **state)
{
	static const char text[] = "<domain type='openvz'><name>101</name>\0</domain>";
	struct vzr_error err = { 0 };
	struct vzr_domain *domain;

	(void)state;
	assert_error(vzr_domain_load("d", text, sizeof(text) - 1, &domain, &err), -VZR_E_ILL_FORMED,
		     &err, "d:1:39: a NUL byte");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inputs),
		cmocka_unit_test(test_ill_formed),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_nul),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
