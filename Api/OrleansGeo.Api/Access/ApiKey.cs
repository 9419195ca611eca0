using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace OrleansGeo.Api.Access;

/// <summary>
/// A key as the host knows it: its name, the hash of its text, and its grants. The text is <c>geo.NAME.SECRET</c> with 256 random bits, so
/// one round of SHA-256 hides it: there is nothing to guess that a slow hash would protect, as there is with passwords.
/// </summary>
public sealed class ApiKey
{
    private const string Prefix = "geo.";
    private const string HashKind = "sha256:";
    private const int SecretBytes = 32;
    private const int NameCharsMax = 63;

    private readonly byte[] _hash;

    private ApiKey(string name, byte[] hash, ImmutableArray<Grant> grants)
    {
        Name = name;
        _hash = hash;
        Grants = grants;
    }

    /// <summary>Whose it is: it stands in refusals, and is no secret.</summary>
    public string Name { get; }

    /// <summary>What it may.</summary>
    public ImmutableArray<Grant> Grants { get; }

    /// <summary>A new key, and its text, which exists nowhere else.</summary>
    public static (ApiKey Key, string Text) New(string name, IEnumerable<Grant> grants)
    {
        var text = $"{Prefix}{name}.{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretBytes))}";
        return (new(name, HashOf(text), [.. grants]), text);
    }

    /// <summary>True for what can be a key's name.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= NameCharsMax && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    /// <summary>Reads a line of the file; says why it is none.</summary>
    public static ApiKey? Parse(string line, out string? wrong)
    {
        var parts = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var hash = new byte[SecretBytes];
        if (parts.Length != 3 || !IsName(parts[0]))
        {
            wrong = "it is not NAME HASH GRANT,…";
            return null;
        }

        if (!parts[1].StartsWith(HashKind, StringComparison.Ordinal)
            || !Convert.TryFromBase64String(parts[1][HashKind.Length..], hash, out var length) || length != hash.Length)
        {
            wrong = $"the hash of {parts[0]} is not {HashKind} and {hash.Length} bytes in base64";
            return null;
        }

        var grants = ImmutableArray.CreateBuilder<Grant>();
        foreach (var text in parts[2].Split(','))
        {
            if (!Grant.TryParse(text, out var grant))
            {
                wrong = $"{parts[0]} has the grant '{text}', which is not {Grant.Forms}";
                return null;
            }

            grants.Add(grant);
        }

        wrong = null;
        return new(parts[0], hash, grants.ToImmutable());
    }

    /// <summary>The name in the text of a key, if it looks like one.</summary>
    public static string? NameIn(string text)
    {
        var dot = text.LastIndexOf('.');
        return dot > Prefix.Length && text.StartsWith(Prefix, StringComparison.Ordinal) ? text[Prefix.Length..dot] : null;
    }

    /// <summary>True when this is the key's text. How long that takes does not depend on where they differ.</summary>
    public bool Matches(string text) => CryptographicOperations.FixedTimeEquals(HashOf(text), _hash);

    /// <summary>True when a grant suffices.</summary>
    public bool Allows(EndpointRight endpoint, string? database)
    {
        foreach (var grant in Grants)
        {
            if (grant.Allows(endpoint, database))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The line for the file; it holds no secret.</summary>
    public override string ToString() => $"{Name} {HashKind}{Convert.ToBase64String(_hash)} {string.Join(',', Grants)}";

    private static byte[] HashOf(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
