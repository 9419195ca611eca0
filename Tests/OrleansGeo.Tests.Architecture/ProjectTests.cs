namespace OrleansGeo.Tests.Architecture;

public sealed class ProjectTests
{
    private const string Empty = "<Project></Project>";

    private static Repository Here => Repository.Current;

    [Fact]
    public void Every_project_declares_its_kind() =>
        Expect.Nothing(Here.Projects.SelectMany(project => ProjectRules.Kind(project, Here.Exists)));

    [Fact]
    public void Every_project_is_in_the_solution_and_in_the_filter_unless_it_needs_Orleans() =>
        Expect.Nothing(ProjectRules.Listed(Here.Projects, Here.Read("OrleansGeo.sln"), Here.Read("OrleansGeo.Core.slnf")));

    [Fact]
    public void Package_versions_are_exact() => Expect.Nothing(ProjectRules.InexactVersions(Here.Read("Directory.Packages.props")));

    [Fact]
    public void Package_versions_stand_in_one_place() => Expect.Nothing(Here.Projects.SelectMany(ProjectRules.OwnVersions));

    [Fact]
    public void Every_project_that_can_be_restored_anywhere_has_a_lock_file() =>
        Expect.Nothing(Here.Projects.SelectMany(project => ProjectRules.Unlocked(project, Here.Read("OrleansGeo.Core.slnf"), Here.Exists)));

    [Fact]
    public void Every_source_file_is_compiled() =>
        Expect.Nothing(ProjectRules.NotCompiled(Here.Projects, Here.Sources.Select(source => source.Path)));

    [Fact]
    public void There_is_something_to_check()
    {
        Assert.True(Here.Projects.Count >= 15, $"only {Here.Projects.Count} projects under {Here.Root}");
        Assert.True(Here.Sources.Count >= 20, $"only {Here.Sources.Count} source files under {Here.Root}");
    }

    [Theory]
    [InlineData("Grains/X/X.csproj", "", "declares no ProjectKind")]
    [InlineData("Grains/X/X.csproj", "Shell", "which is none of")]
    [InlineData("Grains/X/X.csproj", "Test", "in this folder")]
    [InlineData("Tests/X/X.csproj", "Edge", "in this folder")]
    [InlineData("Grains/X/X.csproj", "Pure", "has no ban list")]
    public void A_wrong_kind_is_reported(string path, string kind, string words)
    {
        var xml = kind.Length == 0 ? Empty : $"<Project><PropertyGroup><ProjectKind>{kind}</ProjectKind></PropertyGroup></Project>";
        Expect.One(ProjectRules.Kind(ProjectFile.Parse(path, xml), _ => false), words);
    }

    [Fact]
    public void A_project_missing_from_a_list_is_reported()
    {
        ProjectFile[] projects = [ProjectFile.Parse("A/X/X.csproj", Empty)];
        const string Lists = "\"A\\X\\X.csproj\"";
        Expect.Nothing(ProjectRules.Listed(projects, Lists, Lists));
        Expect.One(ProjectRules.Listed(projects, "", Lists), "is not in the solution");
        Expect.One(ProjectRules.Listed(projects, Lists, ""), "is not in the filter");
        Expect.One(ProjectRules.Listed(projects, Lists + "\"A\\Y\\Y.csproj\"", Lists), "A/Y/Y.csproj is listed and does not exist");
    }

    [Fact]
    public void A_project_in_the_filter_that_stands_on_Orleans_is_reported()
    {
        ProjectFile[] projects =
        [
            WithItem("A/X/X.csproj", "<ProjectReference Include=\"..\\Y\\Y.csproj\" />"),
            WithItem("A/Y/Y.csproj", "<PackageReference Include=\"Microsoft.Orleans.Sdk\" />"),
        ];
        const string Both = "\"A\\X\\X.csproj\" \"A\\Y\\Y.csproj\"";
        Expect.Nothing(ProjectRules.Listed(projects, Both, ""));
        Expect.One(ProjectRules.Listed(projects, Both, "\"A\\\\X\\\\X.csproj\""), "A/X/X.csproj is in the filter but needs Orleans");
    }

    [Theory]
    [InlineData("1.*")]
    [InlineData("[1.0.0,2.0.0)")]
    [InlineData("1.0")]
    [InlineData("$(SomeVersion)")]
    public void A_version_that_is_not_exact_is_reported(string version) =>
        Expect.One(
            ProjectRules.InexactVersions($"<Project><PackageVersion Include=\"P\" Version=\"{version}\" /></Project>"),
            "P has a version that is not exact");

    [Theory]
    [InlineData("Version")]
    [InlineData("VersionOverride")]
    public void A_version_in_a_project_file_is_reported(string attribute) =>
        Expect.One(
            ProjectRules.OwnVersions(WithItem("A/X/X.csproj", $"<PackageReference Include=\"P\" {attribute}=\"1.0.0\" />")),
            "a version of its own");

    [Fact]
    public void A_missing_lock_file_is_reported() =>
        Expect.One(ProjectRules.Unlocked(ProjectFile.Parse("A/X/X.csproj", Empty), "\"A\\X\\X.csproj\"", _ => false), "has no lock file");

    [Fact]
    public void A_source_file_that_is_not_compiled_is_reported()
    {
        ProjectFile[] projects = [ProjectFile.Parse("A/X/X.csproj", Empty)];
        Expect.Nothing(ProjectRules.NotCompiled(projects, ["A/X/F.cs"]));
        Expect.One(ProjectRules.NotCompiled(projects, ["A/F.cs"]), "A/F.cs is in no project");
        Expect.One(
            ProjectRules.NotCompiled([WithItem("A/X/X.csproj", "<Compile Remove=\"F.cs\" />")], ["A/X/F.cs"]),
            "leaves source files out");
    }

    private static ProjectFile WithItem(string path, string item) =>
        ProjectFile.Parse(path, $"<Project><ItemGroup>{item}</ItemGroup></Project>");
}
