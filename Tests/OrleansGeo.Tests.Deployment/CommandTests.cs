using System.Text.Json;
using System.Text.RegularExpressions;
using OrleansGeo.Tests.Deployment.Kubernetes;

namespace OrleansGeo.Tests.Deployment;

/// <summary>What pages for operators tell them to type exists.</summary>
public sealed partial class CommandTests
{
    public static TheoryData<string> Pages => ["docs/operations.md", "docs/security.md", "docs/membership.md", "README.md"];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_command_of_geo_silo_and_every_option_of_one_exists(string page)
    {
        var commands = Commands(page).ToList();
        Assert.NotEmpty(commands);
        foreach (var (name, words) in commands)
        {
            Assert.Contains(name, SiloOptions.Commands);
            Assert.All(
                Option().Matches(words).Select(static match => match.Value), static option => Assert.Contains(option, SiloOptions.All));
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_variable_exists(string page) =>
        Assert.All(Variable().Matches(Read(page)).Select(static match => match.Value), static name =>
            Assert.Contains(name, SiloOptions.ByVariable.Keys));

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_file_of_infra_exists(string page) =>
        Assert.All(
            InfraPath().Matches(Read(page)).Select(static match => match.Value.Replace("REGION", "us-east1").TrimEnd('.')),
            static path => Assert.True(Path.Exists(Path.Combine(Manifests.Root, path)), path));

    [Fact]
    public void Every_secret_that_must_be_made_is_made_with_its_keys()
    {
        var made = Secret().Matches(Read("docs/operations.md")).GroupBy(static match => match.Groups[1].Value).ToDictionary(
            static group => group.Key,
            static group => FromFile().Matches(group.First().Value).Select(static match => match.Groups[1].Value)
                .Order(StringComparer.Ordinal));
        var wanted = Manifests.Parse(Manifests.Read("secrets-example/secrets.yaml")).ToDictionary(
            static secret => secret.Name(), static secret => secret.Map("stringData").Keys.Order(StringComparer.Ordinal));
        Assert.Equal(wanted.Keys.Order(StringComparer.Ordinal), made.Keys.Order(StringComparer.Ordinal));
        Assert.All(wanted, secret => Assert.Equal(secret.Value, made[secret.Key]));
    }

    [Fact]
    public void Every_path_of_REST_that_operators_are_told_exists()
    {
        using var description = JsonDocument.Parse(Read("Api/OrleansGeo.Api/openapi.json"));
        var known = description.RootElement.GetProperty("paths").EnumerateObject().Select(static path => path.Name).ToList();
        Assert.All(
            RestPath().Matches(Read("docs/operations.md")).Select(static match => match.Value), path => Assert.Contains(path, known));
    }

    // A command goes on over lines that end in a backslash.
    private static IEnumerable<(string Name, string Words)> Commands(string page) =>
        GeoSilo().Matches(Read(page).Replace("\\\n", " ")).Select(static match => (match.Groups[1].Value, match.Groups[2].Value));

    private static string Read(string path) => File.ReadAllText(Path.Combine(Manifests.Root, path));

    [GeneratedRegex("geo-silo ([a-z]+)\\b([^\n`|#]*)")]
    private static partial Regex GeoSilo();

    [GeneratedRegex("(?<= )--[a-z-]+")]
    private static partial Regex Option();

    [GeneratedRegex("\\bGEO_[A-Z_]+\\b(?=[=` ])")]
    private static partial Regex Variable();

    [GeneratedRegex("(?<=[ `@(/])infra/[A-Za-z0-9_./-]+")]
    private static partial Regex InfraPath();

    [GeneratedRegex("create secret generic (geo-[a-z-]+)[^\n]*")]
    private static partial Regex Secret();

    [GeneratedRegex("--from-file=(\\S+)")]
    private static partial Regex FromFile();

    [GeneratedRegex("/v1/[a-z]+|/readyz|/livez|/metrics")]
    private static partial Regex RestPath();
}
