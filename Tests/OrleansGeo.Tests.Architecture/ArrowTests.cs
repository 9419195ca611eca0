namespace OrleansGeo.Tests.Architecture;

public sealed class ArrowTests
{
    /// <summary>Uses of what is banned that the analyzer is told about where they stand, each with its reason.</summary>
    private static readonly Dictionary<string, string> s_reasoned = new()
    {
        ["OrleansGeo.Engine uses System.Threading.Thread"] = "PreciseTimers.cs",
    };

    private static IEnumerable<ProjectFile> Product => Repository.Current.Projects.Where(project => !project.IsTest);

    [Fact]
    public void Project_files_reference_only_what_the_design_allows() =>
        Expect.Nothing(Product.SelectMany(project => Arrows.Check(project.Name, Named(project))));

    [Fact]
    public void Built_assemblies_reference_only_what_the_design_allows() =>
        Expect.Nothing(Product.SelectMany(project => Built(project, use => Arrows.Check(project.Name, use.Assemblies))));

    [Fact]
    public void Pure_assemblies_use_nothing_their_ban_list_names() =>
        Expect.Nothing(OfKind("Pure").SelectMany(project => Built(project, use => Bans("Pure").Check(project.Name, use))));

    [Fact]
    public void Engine_assemblies_use_nothing_their_ban_list_names_but_where_a_reason_stands() =>
        Assert.Equal(
            s_reasoned.Keys.Order(StringComparer.Ordinal),
            OfKind("Engine").SelectMany(project => Built(project, use => Bans("Engine").Check(project.Name, use)))
                .Order(StringComparer.Ordinal));

    [Fact]
    public void A_ban_is_lifted_only_in_the_files_that_are_named() =>
        Assert.Equal(
            s_reasoned.Values.Order(StringComparer.Ordinal),
            Repository.Current.Sources
                .Where(file => file.Path.StartsWith("Grains/", StringComparison.Ordinal))
                .Where(file => file.Text.Contains("disable RS0030", StringComparison.Ordinal))
                .Select(file => Path.GetFileName(file.Path)).Order(StringComparer.Ordinal));

    [Fact]
    public void Deciding_projects_are_of_the_pure_kind() =>
        Assert.Equal(
            ["OrleansGeo.Consensus", "OrleansGeo.Locality", "OrleansGeo.Primitives", "OrleansGeo.Transactions"],
            OfKind("Pure").Select(project => project.Name).Order(StringComparer.Ordinal));

    [Fact]
    public void Every_ban_names_its_replacement() =>
        Expect.Nothing(new[] { "Pure", "Engine" }.SelectMany(kind => Bans(kind).WithoutReplacement));

    [Theory]
    [InlineData("OrleansGeo.Consensus", "OrleansGeo.Transactions")]
    [InlineData("OrleansGeo.Transactions", "OrleansGeo.Locality")]
    [InlineData("OrleansGeo.Locality", "OrleansGeo.Consensus")]
    [InlineData("OrleansGeo.Consensus", "OrleansGeo.Storage")]
    [InlineData("OrleansGeo.Locality", "OrleansGeo.Engine")]
    [InlineData("OrleansGeo.Primitives", "OrleansGeo.Abstractions")]
    [InlineData("OrleansGeo.Storage", "OrleansGeo.Abstractions")]
    [InlineData("OrleansGeo.Abstractions", "OrleansGeo.Engine")]
    [InlineData("OrleansGeo.Api", "OrleansGeo.Consensus")]
    [InlineData("OrleansGeo.Api", "Microsoft.Orleans.Server")]
    [InlineData("OrleansGeo.Engine", "Orleans.Core.Abstractions")]
    [InlineData("OrleansGeo.Membership", "Orleans.Core.Abstractions")]
    [InlineData("OrleansGeo.Membership", "OrleansGeo.Engine")]
    [InlineData("OrleansGeo.Engine", "OrleansGeo.Membership")]
    [InlineData("OrleansGeo.Membership", "OrleansGeo.Clustering")]
    [InlineData("OrleansGeo.Clustering", "OrleansGeo.Engine")]
    public void A_forbidden_arrow_is_reported(string from, string to) =>
        Expect.One(Arrows.Check(from, ["System.Runtime", to]), $"{from} must not reference {to}");

    [Fact]
    public void A_project_without_arrows_is_reported() => Expect.One(Arrows.Check("OrleansGeo.Fresh", []), "is not in the table of arrows");

    [Fact]
    public void A_reference_in_a_project_file_is_seen()
    {
        var project = ProjectFile.Parse("Grains/OrleansGeo.Consensus/OrleansGeo.Consensus.csproj", """
            <Project><ItemGroup><ProjectReference Include="..\OrleansGeo.Storage\OrleansGeo.Storage.csproj" />
            <PackageReference Include="Microsoft.Orleans.Sdk" /></ItemGroup></Project>
            """);
        Assert.Equal(
            ["OrleansGeo.Consensus must not reference OrleansGeo.Storage", "OrleansGeo.Consensus must not reference Microsoft.Orleans.Sdk"],
            Arrows.Check(project.Name, Named(project)));
    }

    [Fact]
    public void A_type_or_member_that_is_banned_is_found_in_metadata()
    {
        // This assembly itself reads files, so it must offend.
        var use = AssemblyUse.Read(typeof(ArrowTests).Assembly.Location);
        Assert.Contains("X uses System.IO.File", new BanList("N:System.IO; take bytes instead").Check("X", use));
        Assert.Contains("X uses System.IO.File", new BanList("T:System.IO.File; take bytes instead").Check("X", use));
        Assert.Contains("X uses System.IO.File.OpenRead", new BanList("M:System.IO.File.OpenRead(System.String); bytes").Check("X", use));
        Assert.Contains("X uses System.Lazy`1", new BanList("T:System.Lazy`1; compute it when asked").Check("X", use));
        Assert.Contains(
            "X uses System.AppContext.get_BaseDirectory",
            new BanList("P:System.AppContext.BaseDirectory; take a path").Check("X", use));
        Expect.Nothing(new BanList("N:System.Net.Sockets; no network").Check("X", use));
    }

    [Fact]
    public void A_ban_without_a_replacement_is_reported() =>
        Expect.One(new BanList("T:System.Random; chance is given in: Prng\nT:System.DateTime").WithoutReplacement, "System.DateTime");

    private static IEnumerable<ProjectFile> OfKind(string kind) => Product.Where(project => project.Kind == kind);

    private static IEnumerable<string> Named(ProjectFile project) =>
        project.References.Concat(project.Packages.Select(package => (string?)package.Attribute("Include") ?? ""));

    private static BanList Bans(string kind) => new(Repository.Current.Read($"eng/BannedSymbols.{kind}.txt"));

    private static IEnumerable<string> Built(ProjectFile project, Func<AssemblyUse, IEnumerable<string>> check) =>
        Repository.Current.AssemblyOf(project) is { } path ? check(AssemblyUse.Read(path))
        : project.UsesOrleans ? []
        : [$"{project.Name} is not built"];
}
