"""The house's checks fail on a bad tree and say why; and pass on a good one."""
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
FLOORS = """
[rooms]
app 6
gateway 5
mesh 5
net 2
base 0
[libraries]
ares.h net
fmt/ *
gtest/ -
"""
CMAKE = """
tl_room(base LIBS fmt::fmt)      # a comment with tl_room(nonsense ROOMS app)
tl_room(net ROOMS base)
tl_room(gateway ROOMS base
                net)
tl_room(mesh ROOMS base)
tl_room(app ROOMS base net gateway mesh)
"""


class Tree(unittest.TestCase):
    """A small project in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("tools/floors.txt", FLOORS)
        self.write("CMakeLists.txt", CMAKE)
        self.write("src/base/a.h", "#pragma once\n#include <string>\n#include <sys>\n#include <fmt/core.h>\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def check(self, tool, *options):
        ended = subprocess.run([sys.executable, str(TOOLS / tool), str(self.root), *options],
                               capture_output=True, text=True, check=False)
        self.assertEqual(ended.stderr, "")
        return ended.returncode, ended.stdout

    def refuses(self, tool, *fragments, options=()):
        status, output = self.check(tool, *options)
        self.assertEqual(status, 1, output)
        for fragment in fragments:
            self.assertIn(fragment, output)

    def passes(self, tool, *options):
        status, output = self.check(tool, *options)
        self.assertEqual((status, output), (0, ""))


class Floors(Tree):
    def test_a_good_tree_passes(self):
        self.write("src/net/b.cpp", '#include "net/b.h"\n#include <ares.h>\n#include "base/a.h"\n')
        self.write("src/base/a_test.cpp", "#include <gtest/gtest.h>\n")
        self.passes("check_floors.py")

    def test_an_include_of_a_higher_floor_is_refused_with_its_place(self):
        self.write("src/base/b.cpp", '\n#  include "net/b.h"\n')
        self.refuses("check_floors.py", "src/base/b.cpp:2:", 'base (floor 0) may not include "net/b.h" (floor 2)',
                     "it is above", "pass it in")

    def test_an_include_of_a_neighbour_is_refused(self):
        self.write("src/mesh/b.h", '#include "gateway/x.h"\n')
        self.refuses("check_floors.py", "src/mesh/b.h:1:", "neighbours", "app/")

    def test_an_include_of_a_room_that_is_not_linked_is_refused(self):
        self.write("src/mesh/b.h", '#include "net/x.h"\n')
        self.refuses("check_floors.py", "mesh includes", "tl_room(mesh ...) in CMakeLists.txt:6")

    def test_a_folder_without_a_floor_is_refused(self):
        self.write("src/utils/b.h", "")
        self.refuses("check_floors.py", "src/utils/: this room is not in tools/floors.txt")

    def test_an_include_must_name_its_room(self):
        self.write("src/net/b.h", '#include "x.h"\n#include "../base/a.h"\n#include "boost/asio.h"\n')
        self.refuses("check_floors.py", 'src/net/b.h:1: "x.h" does not name its room',
                     'src/net/b.h:2: "../base/a.h" does not', 'src/net/b.h:3: "boost/asio.h": there is no room')

    def test_a_library_stays_in_its_rooms(self):
        self.write("src/mesh/b.h", "#include <ares.h>\n#include <gtest/gtest.h>\n#include <openssl/ssl.h>\n")
        self.refuses("check_floors.py", "src/mesh/b.h:1: <ares.h> may be included only in net",
                     "b.h:2: <gtest/gtest.h> may be included only in unit tests", "b.h:3: <openssl/ssl.h> is of a library")

    def test_helpers_of_unit_tests_are_tests_and_stay_among_them(self):
        self.write("src/net/b_testing.h", "#include <gtest/gtest.h>\n")
        self.write("src/net/b_test.cpp", '#include "net/b_testing.h"\n')
        self.passes("check_floors.py")
        self.write("src/net/b.cpp", '#include "net/b_testing.h"\n')
        self.refuses("check_floors.py", 'src/net/b.cpp:1: "net/b_testing.h" is for unit tests')

    def test_cmake_may_not_link_upwards_or_sideways(self):
        self.write("CMakeLists.txt", CMAKE + "tl_room(mesh ROOMS gateway)\ntl_room(cellar ROOMS app)\n")
        self.refuses("check_floors.py", "mesh (floor 5) may not link gateway (floor 5)", "room 'cellar' is not in")

    def test_a_room_that_cmake_does_not_build_is_refused(self):
        self.write("CMakeLists.txt", "tl_room(base)\n")
        self.write("src/net/b.h", "")
        self.refuses("check_floors.py", "src/net/: CMakeLists.txt has no tl_room(net ...)")

    def test_a_line_of_the_table_that_cannot_be_read_is_refused(self):
        self.write("tools/floors.txt", FLOORS.replace("base 0", "base zero"))
        self.refuses("check_floors.py", "tools/floors.txt:7: cannot read 'base zero'")


def function_of(lines, head="int f(int x)"):
    return head + " {\n" + "    x();\n" * (lines - 2) + "}\n"


class Sizes(Tree):
    def test_a_file_has_at_most_700_lines(self):
        self.write("src/base/long.cpp", "int x;\n" * 700)
        self.check("check_size.py")
        self.assertEqual(self.check("check_size.py")[0], 0)
        self.write("src/base/long.cpp", "int x;\n" * 701)
        self.refuses("check_size.py", "src/base/long.cpp:1: 701 lines; the limit is 700")

    def test_a_file_over_400_lines_is_a_warning(self):
        self.write("src/base/long.cpp", "int x;\n" * 401)
        status, output = self.check("check_size.py")
        self.assertEqual(status, 0)
        self.assertIn("warning: 401 lines", output)

    def test_a_function_has_at_most_70_lines(self):
        self.write("src/base/f.cpp", "\n" + function_of(70))
        self.passes("check_size.py")
        self.write("src/base/f.cpp", "\n" + function_of(71))
        self.refuses("check_size.py", "src/base/f.cpp:2: function 'f' has 71 lines")

    def test_rows_of_a_table_are_data_not_lines_of_a_function(self):
        head, row = "void f() {\n    const std::vector<Row> rows{\n", '        {"a", {1}},\n'
        self.write("src/base/f.cpp", head + row * 100 + "    };\n" + "    x();\n" * 66 + "}\n")
        self.passes("check_size.py")
        self.write("src/base/f.cpp", head + row * 100 + "    };\n" + "    x();\n" * 67 + "}\n")
        self.refuses("check_size.py", "function 'f' has 71 lines")

    def test_functions_of_every_shape_are_seen(self):
        heads = ["auto C::f(std::vector<int> a = {}) const noexcept -> Result<T>", "bool operator==(const A& a)",
                 "C::C(int a) : a_{a}, b_(a), c_{{1, 2}}", "template <class T> requires std::integral<T> T g(T x)",
                 "Task<void> run(Socket socket) override", "TEST(Room, does_things)"]
        for head in heads:
            with self.subTest(head):
                self.write("src/base/f.cpp", "namespace a {\nstruct S {\n" + function_of(71, head) + "};\n}\n")
                self.refuses("check_size.py", "src/base/f.cpp:3: function")

    def test_what_is_not_a_function_is_not_counted(self):
        harmless = ["const int table[] = {\n" + "    1,\n" * 90 + "};\n",
                    "namespace a {\n" + "void f();\n" * 90 + "}\n",
                    "class A : public B<C()> {\n" + "    void f() {}\n" * 90 + "};\n",
                    "enum class E : int {\n" + "".join(f"    e{i},\n" for i in range(90)) + "};\n",
                    "std::map<int, F()> m{\n" + "    {1, f},\n" * 90 + "};\n",
                    'const char* text = R"(\n' + "void f() {\n" * 90 + ')";\n',
                    "#define X {\nvoid f() {}\n" + "int y;\n" * 90,
                    "#ifdef A\nvoid f() {\n#else\nvoid f(int) {\n#endif\n}\n" + "int y;\n" * 90,
                    "char c = '{'; // {\n/* { */ int n = 1'000;\nvoid f() {}\n" + "int y;\n" * 90]
        for text in harmless:
            with self.subTest(text[:30]):
                self.write("src/base/f.cpp", text)
                self.passes("check_size.py")

    def test_python_is_measured_when_everything_is(self):
        self.write("tools/x.py", "def f():\n" + "    pass\n" * 71)
        self.passes("check_size.py")
        self.refuses("check_size.py", "tools/x.py:1: function 'f' has 72 lines", options=["--all"])

    def test_a_generated_table_is_exempt(self):
        self.write("src/base/table.cpp", "// size-exempt: made by tools/make_table.py\n" + "int x;\n" * 900)
        self.passes("check_size.py")

    def test_the_report_gives_medians(self):
        self.write("src/base/f.cpp", function_of(11) + function_of(21) + function_of(31))
        self.assertIn("functions: 3, median 21 lines, p90 31, longest 31", self.check("check_size.py", "--report")[1])


class Texts(Tree):
    def test_a_good_tree_passes(self):
        self.write("docs/a.md", "see /etc/hosts, https://example.org/home and /network/x\n")
        self.passes("check_text.py")

    def test_paths_of_one_machine_are_refused(self):
        for path in ("/work/main", "/root/x", "/home/ann/x"):  # check-text: allow, they are the test
            with self.subTest(path):
                self.write("docs/a.md", f"\nrun {path} now\n")
                self.refuses("check_text.py", "docs/a.md:2:", "path of one machine")

    def test_notes_of_unfinished_work_are_refused_in_src(self):
        self.write("src/base/b.cpp", "// TODO: later\n")
        self.write("docs/a.md", "TODO lists are for other places\n")
        status, output = self.check("check_text.py")
        self.assertEqual(status, 1)
        self.assertIn("src/base/b.cpp:1: 'TODO'", output)
        self.assertNotIn("docs/a.md", output)


if __name__ == "__main__":
    unittest.main()
