using System.Collections.Frozen;
using OrleansGeo.Security;

namespace OrleansGeo.Api.Access;

/// <summary>The keys of a file, at one moment.</summary>
public sealed class ApiKeyRing : IFileContent
{
    /// <summary>Most keys of a file.</summary>
    public const int KeysMax = 10_000;

    private readonly FrozenDictionary<string, ApiKey> _byName;

    private ApiKeyRing(IEnumerable<ApiKey> keys, string text)
    {
        _byName = keys.ToFrozenDictionary(static key => key.Name, StringComparer.Ordinal);
        Fingerprint = text;
    }

    /// <summary>The text itself.</summary>
    public string Fingerprint { get; }

    /// <summary>How many there are.</summary>
    public int Count => _byName.Count;

    /// <summary>Reads the text of a file: a key in a line; empty lines and those that begin with # say nothing.</summary>
    public static ApiKeyRing? Parse(string text, out string? wrong)
    {
        var keys = new Dictionary<string, ApiKey>(StringComparer.Ordinal);
        var number = 0;
        foreach (var raw in text.Split('\n'))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            wrong = null;
            if (ApiKey.Parse(line, out wrong) is not { } key || !keys.TryAdd(key.Name, key) || keys.Count > KeysMax)
            {
                wrong = $"line {number}: {wrong ?? (keys.Count > KeysMax ? $"more than {KeysMax} keys" : "its name was there before")}";
                return null;
            }
        }

        wrong = null;
        return new(keys.Values, text);
    }

    /// <inheritdoc />
    public override string ToString() => $"{Count} API keys";

    /// <summary>True when a key has that name.</summary>
    public bool Has(string name) => _byName.ContainsKey(name);

    /// <summary>The key with this text. Names can be found out by how long it takes; secrets cannot.</summary>
    public ApiKey? Find(string text) =>
        ApiKey.NameIn(text) is { } name && _byName.TryGetValue(name, out var key) && key.Matches(text) ? key : null;
}
