using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace OrleansGeo.Tests.Architecture;

/// <summary>What an assembly uses, read from its metadata without loading it.</summary>
public sealed record AssemblyUse(IReadOnlyList<string> Assemblies, IReadOnlyList<string> Types, IReadOnlyList<string> Members)
{
    public static AssemblyUse Read(string path)
    {
        using var file = File.OpenRead(path);
        using var image = new PEReader(file);
        var metadata = image.GetMetadataReader();
        return new(
            [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))],
            [.. metadata.TypeReferences.Select(handle => NameOf(metadata, handle))],
            [.. metadata.MemberReferences.Select(handle => MemberOf(metadata, handle)).OfType<string>()]);
    }

    private static string NameOf(MetadataReader metadata, TypeReferenceHandle handle)
    {
        var type = metadata.GetTypeReference(handle);
        var name = metadata.GetString(type.Name);
        return type.ResolutionScope.Kind == HandleKind.TypeReference
            ? NameOf(metadata, (TypeReferenceHandle)type.ResolutionScope) + "." + name
            : metadata.GetString(type.Namespace) + "." + name;
    }

    // Members of constructed generic types hang on a signature; their generic type is among the type references anyway.
    private static string? MemberOf(MetadataReader metadata, MemberReferenceHandle handle)
    {
        var member = metadata.GetMemberReference(handle);
        return member.Parent.Kind == HandleKind.TypeReference
            ? NameOf(metadata, (TypeReferenceHandle)member.Parent) + "." + metadata.GetString(member.Name)
            : null;
    }
}

/// <summary>Who may reference whom: the arrows of the design, and nothing else.</summary>
public static class Arrows
{
    private const string Own = "OrleansGeo.";

    /// <summary>The whole table. A project that is not in it has not been thought about.</summary>
    public static readonly IReadOnlyDictionary<string, string[]> Allowed = new Dictionary<string, string[]>
    {
        ["Primitives"] = [],
        ["Security"] = [],
        ["Abstractions"] = ["Primitives"],
        ["Consensus"] = ["Primitives"],
        ["Transactions"] = ["Primitives"],
        ["Locality"] = ["Primitives", "Abstractions"],
        ["Storage"] = ["Primitives"],
        ["Engine"] = ["Primitives", "Abstractions", "Consensus", "Transactions", "Locality", "Storage"],
        ["Api"] = ["Primitives", "Abstractions", "Engine", "Security"],
        ["Membership"] = ["Primitives"],
        ["Client"] = ["Primitives", "Abstractions"],
        ["Cli"] = ["Primitives", "Abstractions", "Client"],
        ["GrainInterfaces"] = ["Primitives", "Abstractions"],
        ["Tables"] = ["Primitives", "Abstractions"],
        ["Sdk"] = ["Primitives", "Abstractions", "GrainInterfaces", "Tables", "Security"],
        ["Grains"] = ["Primitives", "Abstractions", "GrainInterfaces", "Engine"],
        ["Clustering"] = ["Primitives", "Membership"],
        ["Silo"] =
        [
            "Primitives", "Abstractions", "GrainInterfaces", "Engine", "Storage", "Grains", "Api", "Sdk", "Membership", "Clustering",
            "Security",
        ],
    };

    // Everything else runs, and is tested, on a package feed that has no Orleans.
    private static readonly string[] s_mayUseOrleans = ["GrainInterfaces", "Sdk", "Grains", "Clustering", "Silo"];

    /// <summary>True for the packages and assemblies of Orleans itself.</summary>
    public static bool IsOrleans(string name) =>
        name.StartsWith("Orleans.", StringComparison.Ordinal) || name.StartsWith("Microsoft.Orleans", StringComparison.Ordinal);

    /// <summary>What is wrong with a product project that names these references, be it in its file or in its metadata.</summary>
    public static IEnumerable<string> Check(string project, IEnumerable<string> references)
    {
        var name = Short(project);
        if (!Allowed.TryGetValue(name, out var allowed))
        {
            return [$"{project} is not in the table of arrows: decide what it may reference"];
        }

        return references.Where(reference => IsForbidden(name, allowed, reference))
            .Select(reference => $"{project} must not reference {reference}");
    }

    private static bool IsForbidden(string name, string[] allowed, string reference) =>
        IsOrleans(reference)
            ? !s_mayUseOrleans.Contains(name)
            : reference.StartsWith(Own, StringComparison.Ordinal) && !allowed.Contains(Short(reference));

    private static string Short(string name) => name.StartsWith(Own, StringComparison.Ordinal) ? name[Own.Length..] : name;
}

/// <summary>A ban list of <c>eng/</c>, applied to what an assembly really uses.</summary>
public sealed class BanList(string text)
{
    // Its overload with a TimeProvider is the one to use, and the analyzer tells them apart.
    private static readonly string[] s_notEveryOverload = ["System.Threading.Tasks.Task.Delay"];

    private readonly List<string> _lines = [.. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0)];

    /// <summary>Entries that do not say what to use instead.</summary>
    public IEnumerable<string> WithoutReplacement => _lines.Where(line => line.IndexOf(';') is var at && (at < 0 || at > line.Length - 10));

    /// <summary>What the assembly uses although it is banned.</summary>
    public IEnumerable<string> Check(string project, AssemblyUse use) =>
        _lines.SelectMany(line => Uses(line[2..].Split(';')[0].Trim(), line[0], use)).Distinct().Select(used => $"{project} uses {used}");

    private static IEnumerable<string> Uses(string symbol, char kind, AssemblyUse use) => kind switch
    {
        'N' => use.Types.Where(type => type.StartsWith(symbol + ".", StringComparison.Ordinal)),
        'T' => use.Types.Where(type => type == symbol),
        'P' => use.Members.Where(member => member == Getter(symbol)),
        'M' => use.Members.Where(member => member == Method(symbol) && !s_notEveryOverload.Contains(member)),
        _ => [$"a ban list with an entry of unknown kind '{kind}'"],
    };

    private static string Getter(string symbol) => symbol.Insert(symbol.LastIndexOf('.') + 1, "get_");

    private static string Method(string symbol) => symbol.Split('(')[0].Split("``")[0];
}
