using System.Text.RegularExpressions;

namespace OrleansGeo.Tests.Architecture;

/// <summary>The house measures of one source file. Each returns what it finds wrong, with file and line.</summary>
public static partial class Measures
{
    public const int FileLines = 500;
    public const int FunctionLines = 70;
    public const int Columns = 140;

    private const int WordsOfReason = 4;

    public static IEnumerable<string> LongFile(TextFile file) =>
        LinesOf(file) is var lines && lines > FileLines ? [$"{file.Path} has {lines} lines; {FileLines} is one idea"] : [];

    public static IEnumerable<string> LongLines(TextFile file) =>
        file.Lines.Select((line, i) => (line, at: i + 1)).Where(entry => entry.line.Length > Columns)
            .Select(entry => $"{file.Path}:{entry.at} has {entry.line.Length} columns; {Columns} fit");

    public static IEnumerable<string> LongFunctions(TextFile file) =>
        Members.Of(SourceText.Split(file.Text).Code)
            .Where(member => member.TypeName is null && member.LineCount > FunctionLines && IsFunction(member.Header))
            .Select(member => $"{file.Path}:{member.FirstLine} has a function of {member.LineCount} lines; {FunctionLines} fit a screen");

    public static IEnumerable<string> EmptyNames(TextFile file) =>
        Members.Of(SourceText.Split(file.Text).Code)
            .Where(member => member.TypeName is { } name && EmptyName().IsMatch(name))
            .Select(member => $"{file.Path}:{member.FirstLine} names a type {member.TypeName}, which says nothing");

    public static IEnumerable<string> IdleTodos(TextFile file) =>
        SourceText.Split(file.Text).Comments
            .Where(comment => Todo().Match(comment.Text) is { Success: true } todo && WordsAfter(todo, comment.Text) < WordsOfReason)
            .Select(comment => $"{file.Path}:{comment.Line} has a TODO without a reason to act on");

    public static IEnumerable<string> CommentedOutCode(TextFile file) =>
        SourceText.Split(file.Text).Comments
            .Where(comment => !comment.IsDocumentation && CodeInComment().IsMatch(comment.Text))
            .Select(comment => $"{file.Path}:{comment.Line} has code in a comment: {comment.Text}");

    public static IEnumerable<string> LeavesTheScheduler(TextFile file) =>
        SourceText.Split(file.Text).Code.Split('\n').Select((line, i) => (line, at: i + 1))
            .Where(entry => OffScheduler().IsMatch(entry.line))
            .Select(entry => $"{file.Path}:{entry.at} leaves the node's scheduler: {entry.line.Trim()}");

    public static IEnumerable<string> Waits(TextFile file) =>
        SourceText.Split(file.Text).Code.Split('\n').Select((line, i) => (line, at: i + 1))
            .Where(entry => Waiting().IsMatch(entry.line))
            .Select(entry => $"{file.Path}:{entry.at} waits, or asks for the time: {entry.line.Trim()}");

    private static int LinesOf(TextFile file) => file.Lines.Count - (file.Text.EndsWith('\n') ? 1 : 0);

    // A table of values is not a function, however long it is.
    private static bool IsFunction(string header) => !TableStart().IsMatch(header);

    private static int WordsAfter(Match todo, string text) => Word().Count(text[(todo.Index + todo.Length)..]);

    [GeneratedRegex("(Helper|Manager|Util|Utility|Utilities)s?$")]
    private static partial Regex EmptyName();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b")]
    private static partial Regex Todo();

    [GeneratedRegex(@"\w{2,}")]
    private static partial Regex Word();

    [GeneratedRegex(@"\bTask\s*\.\s*Run\s*\(|\.\s*ConfigureAwait\s*\(")]
    private static partial Regex OffScheduler();

    [GeneratedRegex(@"\b(Task|ValueTask|await|async|lock|TimeProvider|DateTime|DateTimeOffset|Stopwatch|CancellationToken|Prng)\b")]
    private static partial Regex Waiting();

    [GeneratedRegex(@"^[^(={]*=[^>]")]
    private static partial Regex TableStart();

    // Whole statements and block heads; prose that happens to end in a semicolon has no parenthesis or = where a statement has one.
    [GeneratedRegex("""
        ^(await\s+)?[\w.]+(<[\w<>, ]+>)?\([^ ]?.*\);$
        |^[\w.<>\[\],?]+(\s+\w+)?\s*[-+*/|&^?]*=\s*[^=].*;$
        |^(return|throw|yield|break|continue|goto)\b[^,]*;$
        |^(public|private|internal|protected|static|using)\b.*[;{)]$
        |^(if|for|foreach|while|switch|lock|catch)\s*\(.*\)\s*\{?$
        |^[{}]\s*;?$
        |^(else|try|finally)\s*\{?$
        """, RegexOptions.IgnorePatternWhitespace | RegexOptions.ExplicitCapture)]
    private static partial Regex CodeInComment();
}
