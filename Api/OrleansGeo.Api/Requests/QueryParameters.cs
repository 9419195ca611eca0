using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace OrleansGeo.Api.Requests;

/// <summary>The query of a request, read strictly: a name that is not expected, given twice or without a value is refused.</summary>
public sealed class QueryParameters
{
    private static readonly QueryParameters s_empty = new([]);
    private readonly List<KeyValuePair<string, string>> _values;

    private QueryParameters(List<KeyValuePair<string, string>> values) => _values = values;

    /// <summary>The value of a parameter; null when it was not given.</summary>
    public string? this[string name]
    {
        get
        {
            foreach (var (given, value) in _values)
            {
                if (string.Equals(given, name, StringComparison.Ordinal))
                {
                    return value;
                }
            }

            return null;
        }
    }

    /// <summary>Reads the query.</summary>
    public static bool TryRead(
        string? query, ImmutableArray<string> expected, [NotNullWhen(true)] out QueryParameters? parameters,
        [NotNullWhen(false)] out GeoError? error)
    {
        parameters = s_empty;
        error = null;
        if (query is null or "" or "?")
        {
            return true;
        }

        parameters = new([]);
        foreach (var range in query.AsSpan(1).Split('&'))
        {
            var part = query.AsSpan(1)[range];
            if (!part.IsEmpty && !parameters.TryAdd(part, expected, out error))
            {
                parameters = null;
                return false;
            }
        }

        return true;
    }

    private bool TryAdd(ReadOnlySpan<char> part, ImmutableArray<string> expected, [NotNullWhen(false)] out GeoError? error)
    {
        var equals = part.IndexOf('=');
        var rawName = equals < 0 ? part : part[..equals];
        if (!PercentText.TryDecode(rawName, plusIsSpace: true, out var name) || !expected.Contains(name, StringComparer.Ordinal))
        {
            var known = expected.IsEmpty ? "this request takes none" : $"this request takes {string.Join(", ", expected)}";
            var shown = name.Length == 0 ? rawName.ToString() : name;
            error = Refusal.Malformed(shown, "unknown-parameter", $"The query parameter '{shown}' is not known: {known}.");
            return false;
        }

        if (this[name] is not null)
        {
            error = Refusal.Malformed(name, "repeated-parameter", $"The query parameter '{name}' is given twice.");
            return false;
        }

        if (equals < 0 || equals + 1 == part.Length)
        {
            error = Refusal.Malformed(
                name, "empty-parameter", $"The query parameter '{name}' has no value; leave it out, or write '' for an empty string.");
            return false;
        }

        if (!PercentText.TryDecode(part[(equals + 1)..], plusIsSpace: true, out var value))
        {
            error = Refusal.Malformed(name, "bad-escape", $"The query parameter '{name}' is not percent-encoded UTF-8.");
            return false;
        }

        _values.Add(new(name, value));
        error = null;
        return true;
    }
}
