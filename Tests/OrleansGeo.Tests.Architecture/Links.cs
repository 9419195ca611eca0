using System.Text.RegularExpressions;

namespace OrleansGeo.Tests.Architecture;

/// <summary>Links between the pages of the repository.</summary>
public static partial class Links
{
    /// <summary>Relative links of a page whose file or heading does not exist.</summary>
    public static IEnumerable<string> Broken(TextFile page, Func<string, bool> exists, Func<string, string> read)
    {
        foreach (var (target, at) in TargetsOf(page))
        {
            var parts = target.Split('#', 2);
            var path = parts[0].Length == 0 ? page.Path : Resolve(page.Path, parts[0]);
            if (!exists(path))
            {
                yield return $"{page.Path}:{at} links to {target}, which does not exist";
            }
            else if (parts.Length == 2 && path.EndsWith(".md", StringComparison.Ordinal)
                && !HeadingsOf(path == page.Path ? page.Text : read(path)).Contains(parts[1]))
            {
                yield return $"{page.Path}:{at} links to {target}, a heading that does not exist";
            }
        }
    }

    /// <summary>Pages that no other page links to, the entry page apart.</summary>
    public static IEnumerable<string> Unreachable(IReadOnlyList<TextFile> pages, string entry) =>
        pages.Where(page => page.Path != entry && !pages.Any(other => other != page && Reaches(other, page.Path)))
            .Select(page => $"{page.Path} is linked from no page");

    private static bool Reaches(TextFile page, string path) =>
        TargetsOf(page).Any(target => target.Target.Split('#')[0] is { Length: > 0 } file && Resolve(page.Path, file) == path);

    private static IEnumerable<(string Target, int Line)> TargetsOf(TextFile page)
    {
        var isCode = false;
        for (var i = 0; i < page.Lines.Count; i++)
        {
            var line = page.Lines[i];
            isCode ^= line.TrimStart().StartsWith("```", StringComparison.Ordinal);
            if (isCode)
            {
                continue;
            }

            foreach (Match match in Link().Matches(CodeSpan().Replace(line, "")))
            {
                if (!HasScheme().IsMatch(match.Groups["target"].Value))
                {
                    yield return (match.Groups["target"].Value, i + 1);
                }
            }
        }
    }

    private static string Resolve(string from, string target)
    {
        var parts = new List<string>(from.Split('/')[..^1]);
        foreach (var part in Uri.UnescapeDataString(target).TrimEnd('/').Split('/'))
        {
            if (part == ".." && parts.Count > 0)
            {
                parts.RemoveAt(parts.Count - 1);
            }
            else if (part is not ".")
            {
                parts.Add(part);
            }
        }

        return string.Join('/', parts);
    }

    // As GitHub makes them: lower case, punctuation dropped, spaces to hyphens.
    private static HashSet<string> HeadingsOf(string text) =>
        [.. text.Split('\n').Where(line => line.StartsWith('#')).Select(line => SlugOf(line.TrimStart('#').Trim()))];

    private static string SlugOf(string heading) => NotInSlug().Replace(heading.ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)[^)]*\)|^\[[^\]]+\]:\s*(?<target>\S+)")]
    private static partial Regex Link();

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex("^[a-z][a-z0-9+.-]*:")]
    private static partial Regex HasScheme();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInSlug();
}
