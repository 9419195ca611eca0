using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Silo;

/// <summary>A node that the cluster begins with.</summary>
internal sealed record SeedNode(int Id, string Name, string Region, string Zone, string? HttpAddress);

/// <summary>
/// The file that every seed node of a new cluster is given, all of them the same. It holds the cluster's secret.
/// </summary>
internal sealed record ClusterFile(string ClusterId, string TokenSecret, ImmutableArray<SeedNode> Seeds)
{
    private const int SecretBytes = 32;

    /// <summary>A new cluster of these nodes.</summary>
    public static ClusterFile New(string? clusterId, IEnumerable<SeedNode> seeds) => new(
        clusterId ?? $"geo-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}",
        Convert.ToBase64String(RandomNumberGenerator.GetBytes(SecretBytes)),
        [.. seeds]);

    /// <summary>Reads a file.</summary>
    /// <exception cref="SiloRefusedException">It is not there, or is no cluster file.</exception>
    public static ClusterFile Read(string path)
    {
        try
        {
            var file = JsonSerializer.Deserialize(File.ReadAllBytes(path), ClusterFileJson.Default.ClusterFile)
                ?? throw new SiloRefusedException($"The cluster file {path} is empty.");
            return file.Wrong() is { } wrong ? throw new SiloRefusedException($"The cluster file {path} cannot be used: {wrong}") : file;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new SiloRefusedException($"The cluster file {path} cannot be read: {failure.Message}");
        }
    }

    /// <summary>Writes the file for its owner alone; one that exists is never replaced, for it may have made a cluster.</summary>
    /// <exception cref="SiloRefusedException">It exists, or cannot be written.</exception>
    public void Write(string path)
    {
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using var file = new FileStream(path, options);
            JsonSerializer.Serialize(file, this, ClusterFileJson.Default.ClusterFile);
            file.Flush(flushToDisk: true);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new SiloRefusedException($"The cluster file {path} cannot be made: {failure.Message}");
        }
    }

    /// <summary>What the engine is told.</summary>
    public ClusterSeed ToSeed() => new(
        ClusterId,
        Convert.FromBase64String(TokenSecret),
        [.. Seeds.Select(seed => new NodeRecord(new NodeId(seed.Id), seed.Name, seed.Region, seed.Zone, seed.HttpAddress))]);

    /// <summary>What is wrong with the content, or null.</summary>
    public string? Wrong()
    {
        var secret = new byte[SecretBytes + 1];
        if (string.IsNullOrWhiteSpace(ClusterId))
        {
            return "it names no cluster id.";
        }

        if (TokenSecret is null || !Convert.TryFromBase64String(TokenSecret, secret, out var length) || length != SecretBytes)
        {
            return $"its token secret is not {SecretBytes} bytes in base64.";
        }

        if (Seeds.IsDefaultOrEmpty)
        {
            return "it names no seed node.";
        }

        return Seeds.Select(WrongWith).FirstOrDefault(wrong => wrong is not null)
            ?? Twice("name", Seeds.Select(seed => seed.Name)) ?? Twice("id", Seeds.Select(seed => $"{seed.Id}"));
    }

    private static string? WrongWith(SeedNode seed) =>
        seed.Id < 1 ? $"node {seed.Name} has the id {seed.Id}; ids start at 1."
        : NodeRecord.IsLabel(seed.Name) && NodeRecord.IsLabel(seed.Region) && NodeRecord.IsLabel(seed.Zone) ? null
        : $"node {seed.Id} needs a name, a region and a zone of {NodeRecord.LabelRule}.";

    private static string? Twice(string what, IEnumerable<string> values) =>
        values.GroupBy(value => value, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { Key: var twice }
            ? $"two nodes have the {what} {twice}."
            : null;
}

/// <summary>The file's JSON.</summary>
[JsonSourceGenerationOptions(
    WriteIndented = true,
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ClusterFile))]
internal sealed partial class ClusterFileJson : JsonSerializerContext;
