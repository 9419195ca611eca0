namespace OrleansGeo.Tests.Architecture;

public sealed class MeasureTests
{
    /// <summary>Closed vocabularies that are clearer in one file, each with its reason. A file that fits again leaves.</summary>
    private static readonly Dictionary<string, string> s_longFiles = [];

    private static IReadOnlyList<TextFile> Sources => Repository.Current.Sources;

    [Fact]
    public void A_file_has_one_idea() =>
        Expect.Nothing(Sources.Where(file => !s_longFiles.ContainsKey(file.Path)).SelectMany(Measures.LongFile));

    [Fact]
    public void A_file_that_may_be_long_is_long_and_says_why() =>
        Expect.Nothing(s_longFiles
            .Where(entry => entry.Value.Length < 20 || !Sources.Any(file => file.Path == entry.Key && Measures.LongFile(file).Any()))
            .Select(entry => $"{entry.Key} needs no exception, or the exception needs a reason"));

    [Fact]
    public void A_function_fits_a_screen() => Expect.Nothing(Sources.SelectMany(Measures.LongFunctions));

    [Fact]
    public void A_line_fits_its_columns() =>
        Expect.Nothing(Sources.Append(new("geo", Repository.Current.Read("geo"))).SelectMany(Measures.LongLines));

    [Fact]
    public void No_type_has_a_name_that_says_nothing() => Expect.Nothing(Sources.SelectMany(Measures.EmptyNames));

    [Fact]
    public void No_todo_lacks_a_reason_to_act_on() => Expect.Nothing(Sources.SelectMany(Measures.IdleTodos));

    [Fact]
    public void No_code_is_commented_out() => Expect.Nothing(Sources.SelectMany(Measures.CommentedOutCode));

    [Fact]
    public void The_engine_stays_on_the_scheduler_it_is_given() =>
        Expect.Nothing(Sources
            .Where(file => file.Path.StartsWith("Grains/", StringComparison.Ordinal))
            .SelectMany(Measures.LeavesTheScheduler));

    [Fact]
    public void The_membership_register_decides_without_waiting_for_anything() =>
        Expect.Nothing(Sources
            .Where(file => file.Path.StartsWith("Silo/OrleansGeo.Membership/Register/", StringComparison.Ordinal))
            .SelectMany(Measures.Waits));

    [Theory]
    [InlineData("Task Ask();", 1)]
    [InlineData("await it;", 1)]
    [InlineData("TimeProvider time", 1)]
    [InlineData("// a Task of its own", 0)]
    [InlineData("var asked = Tasked();", 0)]
    public void Waiting_is_reported(string line, int findings) =>
        Assert.Equal(findings, Measures.Waits(Sample(line)).Count());

    [Theory]
    [InlineData(500, 0)]
    [InlineData(501, 1)]
    public void A_file_of_more_than_500_lines_is_reported(int lines, int findings) =>
        Assert.Equal(findings, Measures.LongFile(Sample(string.Concat(Enumerable.Repeat("x\n", lines)))).Count());

    [Theory]
    [InlineData(140, 0)]
    [InlineData(141, 1)]
    public void A_line_of_more_than_140_columns_is_reported(int columns, int findings) =>
        Assert.Equal(findings, Measures.LongLines(Sample("\n" + new string('x', columns) + "\n")).Count());

    [Theory]
    [InlineData("void F()\n{", "}", 70, 0)]
    [InlineData("void F()\n{", "}", 71, 1)]
    [InlineData("public C(int a) : base(a)\n{", "}", 71, 1)]
    [InlineData("public T Get<T>(Func<T> f = null!) where T : class, new()\n{", "}", 71, 1)]
    [InlineData("[Attr(X = 1)] public static bool operator ==(C a, C b)\n{", "}", 71, 1)]
    [InlineData("int P\n{ get {", "} }", 71, 1)]
    [InlineData("int F(int x) => x switch\n{", "};", 71, 1)]
    [InlineData("static readonly int[] s_table =\n[", "];", 200, 0)]
    public void A_function_of_more_than_70_lines_is_reported(string head, string tail, int lines, int findings)
    {
        var body = string.Concat(Enumerable.Repeat("\n", lines - 2));
        var text = $"namespace N;\npublic sealed class C(int y) : B<int>\n{{\n    int _a;\n{head}{body}{tail}\n    void G() {{ }}\n}}\n";
        Assert.Equal(findings, Measures.LongFunctions(Sample(text)).Count());
    }

    [Theory]
    [InlineData("\"}\"")]
    [InlineData("@\"}\"\"}\"")]
    [InlineData("$\"{(a ? \"}\" : \"{\")}}}}}\"")]
    [InlineData("\"\"\"\n } \" }} \n\"\"\"")]
    [InlineData("$$\"\"\"{{{x}}}\"\"\"")]
    [InlineData("'}'")]
    [InlineData("'\\''; F('}')")]
    [InlineData("\"\\\"}\"")]
    [InlineData("1 /* } */")]
    [InlineData("1 // }\n")]
    [InlineData("\n#error it's }\n")]
    public void A_brace_in_quotes_or_comments_ends_nothing(string value)
    {
        var text = "class C\n{\n    void F()\n    {\n        var a = " + value + ";\n" + new string('\n', 80) + "    }\n}\n";
        Expect.One(Measures.LongFunctions(Sample(text)), "S.cs:3 has a function of");
    }

    [Theory]
    [InlineData("public static class KeyHelper { }", "KeyHelper")]
    [InlineData("sealed record struct LeaseManager(int A);", "LeaseManager")]
    [InlineData("class A { internal enum Utils { X } }", "Utils")]
    public void A_type_name_that_says_nothing_is_reported(string text, string name) => Expect.One(Measures.EmptyNames(Sample(text)), name);

    [Theory]
    [InlineData("public sealed class ManagerialAccount { }")]
    [InlineData("class A { void F<T>() where T : class { } string Helper => \"class Helper\"; }")]
    public void Other_names_are_not_reported(string text) => Expect.Nothing(Measures.EmptyNames(Sample(text)));

    [Theory]
    [InlineData("// TODO", 1)]
    [InlineData("// TODO: fix this", 1)]
    [InlineData("/* FIXME later */", 1)]
    [InlineData("// TODO: drop this branch when format version 1 is no longer read", 0)]
    [InlineData("var s = \"TODO\";", 0)]
    public void A_todo_without_a_reason_is_reported(string text, int findings) =>
        Assert.Equal(findings, Measures.IdleTodos(Sample(text)).Count());

    [Theory]
    [InlineData("// var x = Compute(1);")]
    [InlineData("// x.Count += 2;")]
    [InlineData("//    return null;")]
    [InlineData("// await store.SaveAsync(value);")]
    [InlineData("// if (x > 1)")]
    [InlineData("// }")]
    [InlineData("// private readonly int _x;")]
    [InlineData("/*\n foo.Bar();\n*/")]
    public void Code_in_a_comment_is_reported(string text) => Assert.Single(Measures.CommentedOutCode(Sample(text)));

    [Theory]
    [InlineData("// A vote that is not durable can be cast twice;")]
    [InlineData("// the leader counts itself (Raft §5.2), so three voters need two;")]
    [InlineData("// if the lease ends, the read is refused;")]
    [InlineData("// return to the old leader, if it lives;")]
    [InlineData("/// <code>x.Run();</code>")]
    public void Prose_in_a_comment_is_not_reported(string text) => Expect.Nothing(Measures.CommentedOutCode(Sample(text)));

    [Theory]
    [InlineData("await Task.Run(() => 1);")]
    [InlineData("await x.ConfigureAwait(false);")]
    public void Leaving_the_scheduler_is_reported(string text)
    {
        Expect.One(Measures.LeavesTheScheduler(Sample(text)), "S.cs:1");
        Expect.Nothing(Measures.LeavesTheScheduler(Sample("// " + text)));
    }

    private static TextFile Sample(string text) => new("S.cs", text);
}
