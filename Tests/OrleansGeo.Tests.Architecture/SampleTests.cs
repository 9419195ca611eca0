namespace OrleansGeo.Tests.Architecture;

/// <summary>Code that a page shows is code that a test runs.</summary>
public sealed class SampleTests
{
    private const string Fence = "```";

    private static IEnumerable<TextFile> Samples =>
        Repository.Current.Sources.Where(file => file.Path.Contains("/Samples/", StringComparison.Ordinal));

    [Theory]
    [InlineData("README.md")]
    [InlineData("docs/sdk.md")]
    public void Every_piece_of_csharp_in_a_page_is_a_part_of_a_sample_that_runs(string page)
    {
        var pieces = Pieces(Repository.Current.Read(page)).ToList();
        Assert.NotEmpty(pieces);
        Expect.Nothing(pieces.Where(piece => !Samples.Any(file => Holds(file.Text, piece))).Select(piece => $"{page}: {piece}"));
    }

    [Fact]
    public void A_piece_that_differs_from_the_sample_is_reported()
    {
        const string Sample = "class A\n{\n    void B()\n    {\n        C(1);\n        D();\n    }\n}\n";
        Assert.True(Holds(Sample, "C(1);\nD();"));
        Assert.False(Holds(Sample, "C(2);\nD();"));
        Assert.False(Holds(Sample, "C(1);\n\nD();"));
        Assert.Equal(["a\n  b"], Pieces("text\n```sh\nx\n```\n```csharp\na\n  b\n```\n"));
    }

    private static IEnumerable<string> Pieces(string page)
    {
        List<string>? piece = null;
        foreach (var line in page.Split('\n'))
        {
            if (piece is null)
            {
                piece = line == Fence + "csharp" ? [] : null;
            }
            else if (line == Fence)
            {
                yield return string.Join('\n', piece);
                piece = null;
            }
            else
            {
                piece.Add(line);
            }
        }
    }

    // A sample stands inside of types and methods, so it is further in.
    private static bool Holds(string sample, string piece) => Flat(sample).Contains(Flat(piece), StringComparison.Ordinal);

    private static string Flat(string text) => "\n" + string.Join('\n', text.Split('\n').Select(line => line.Trim())) + "\n";
}
