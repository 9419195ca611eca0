namespace OrleansGeo.Tests.Architecture;

public sealed class LinkTests
{
    private static Repository Here => Repository.Current;

    private static IReadOnlyList<TextFile> Pages => [.. Here.TextFiles(".md")];

    [Fact]
    public void Links_between_pages_lead_somewhere() =>
        Expect.Nothing(Pages.SelectMany(page => Links.Broken(page, Here.Exists, Here.Read)));

    [Fact]
    public void Every_page_is_linked() => Expect.Nothing(Links.Unreachable(Pages, "README.md"));

    [Theory]
    [InlineData("see [it](missing.md)", "a/missing.md", "does not exist")]
    [InlineData("see [it](../missing/)", "missing", "does not exist")]
    [InlineData("[it]: missing.md", "a/missing.md", "does not exist")]
    [InlineData("see [it](#no-such)", "", "a heading that does not exist")]
    public void A_broken_link_is_reported(string text, string missing, string words) =>
        Expect.One(Links.Broken(new("a/page.md", text), path => path != missing, _ => ""), words);

    [Theory]
    [InlineData("see [it](https://example.org/x)")]
    [InlineData("`[it](missing.md)`")]
    [InlineData("```\n[it](missing.md)\n```")]
    [InlineData("## What is `not` there, yet\nsee [it](#what-is-not-there-yet)")]
    public void Other_links_are_not_reported(string text) =>
        Expect.Nothing(Links.Broken(new("a/page.md", text), path => path == "a/page.md", _ => ""));

    [Fact]
    public void A_page_that_nothing_links_to_is_reported()
    {
        TextFile[] pages = [new("README.md", "[1](docs/1.md)"), new("docs/1.md", "[self](1.md)"), new("docs/2.md", "[self](2.md)")];
        Expect.One(Links.Unreachable(pages, "README.md"), "docs/2.md is linked from no page");
    }
}
