using System.Collections.Immutable;
using OrleansGeo.Primitives;

namespace OrleansGeo.Api.Requests;

/// <summary><c>If-Match</c> and <c>If-None-Match</c> (RFC 9110 §13.1); a row's entity tag is its version in quotes.</summary>
public static class EntityTags
{
    /// <summary>The tag of a version.</summary>
    public static string Of(HlcTimestamp version) => $"\"{version}\"";

    /// <summary>Reads one of the headers: <c>*</c>, or a list. False when it is not well formed.</summary>
    /// <param name="text">The header's value; lines are joined by commas.</param>
    /// <param name="strong">True for If-Match, whose comparison a weak tag never passes.</param>
    /// <param name="any">True for <c>*</c>.</param>
    /// <param name="versions">
    /// The versions listed. A tag that no row of ours can have stands as <see cref="HlcTimestamp.Zero"/>, which equals no version:
    /// leaving it out would turn "one of these" into "no condition".
    /// </param>
    public static bool TryParse(ReadOnlySpan<char> text, bool strong, out bool any, out ImmutableArray<HlcTimestamp> versions)
    {
        versions = [];
        text = text.Trim(" \t");
        any = text is "*";
        if (any)
        {
            return true;
        }

        var list = ImmutableArray.CreateBuilder<HlcTimestamp>();
        while (true)
        {
            var weak = text.StartsWith("W/");
            text = weak ? text[2..] : text;
            var close = text.Length > 1 && text[0] == '"' ? text[1..].IndexOf('"') : -1;
            if (close < 0)
            {
                return false;
            }

            var isVersion = HlcTimestamp.TryParse(text.Slice(1, close), out var version) && !(weak && strong);
            list.Add(isVersion ? version : HlcTimestamp.Zero);
            text = text[(close + 2)..].TrimStart(" \t");
            if (text.IsEmpty)
            {
                versions = list.ToImmutable();
                return true;
            }

            if (text[0] != ',')
            {
                return false;
            }

            text = text[1..].TrimStart(" \t");
        }
    }
}
