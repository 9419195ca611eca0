using OrleansGeo.Api.Access;
using OrleansGeo.Security;

namespace OrleansGeo.Tests.Api.Access;

/// <summary>Making keys, and reading the lines that are made.</summary>
public sealed class KeyCommandTests : IDisposable
{
    private readonly KeyFile _keys = new();

    public void Dispose() => _keys.Dispose();

    [Fact]
    public void A_key_is_printed_once_and_its_line_holds_no_secret()
    {
        var (code, output, errors) = Run("orders", ["read:shop", "write:logs"], null);
        Assert.Equal((0, ""), (code, errors));
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        var (text, line) = (lines[0]["key:  ".Length..], lines[1]["line: ".Length..]);
        var secret = text.Split('.')[2];
        Assert.Equal(43, secret.Length);
        Assert.DoesNotContain(secret, line, StringComparison.Ordinal);
        var ring = ApiKeyRing.Parse(line, out _)!;
        Assert.Equal("orders", ring.Find(text)!.Name);
        Assert.Equal(line, ring.Find(text)!.ToString());
    }

    [Fact]
    public void Two_keys_differ() =>
        Assert.NotEqual(ApiKey.New("a", []).Text, ApiKey.New("a", []).Text);

    [Fact]
    public void Lines_are_added_to_a_file_and_a_name_stands_there_once()
    {
        File.WriteAllText(_keys.Path, "# mine");
        var first = _keys.Add("a", "observe");
        var second = _keys.Add("b", "read:x,admin:*");
        var ring = ApiKeyFile.Read(_keys.Path);
        Assert.Equal((2, "a", "b"), (ring.Count, ring.Find(first)!.Name, ring.Find(second)!.Name));
        var (code, output, errors) = Run("a", ["observe"], _keys.Path);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains("already", errors, StringComparison.Ordinal);
        Assert.Equal(2, ApiKeyFile.Read(_keys.Path).Count);
    }

    [Theory]
    [InlineData("a b", "observe", "--name a b")]
    [InlineData("", "observe", "--name")]
    [InlineData("a.b", "observe", "--name a.b")]
    [InlineData("a", "observe:shop", "--grant observe:shop")]
    [InlineData("a", "read", "--grant read")]
    [InlineData("a", "read:", "--grant read:")]
    [InlineData("a", "read:Shop", "--grant read:Shop")]
    [InlineData("a", "own:*", "--grant own:*")]
    [InlineData("a", "read:*,", "--grant ")]
    public void What_cannot_be_is_one_line_and_makes_nothing(string name, string grant, string words)
    {
        var (code, output, errors) = Run(name, [grant], _keys.Path);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(words, Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.False(File.Exists(_keys.Path));
    }

    [Theory]
    [InlineData("a", "line 2: it is not NAME HASH GRANT")]
    [InlineData("a sha256:AAAA observe", "line 2: the hash of a is not")]
    [InlineData("a md5:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= observe", "line 2: the hash of a is not")]
    [InlineData("a sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= all", "line 2: a has the grant 'all'")]
    [InlineData("ok sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= observe", "line 2: its name was there before")]
    public void A_file_with_a_wrong_line_is_refused_and_the_line_named(string line, string words)
    {
        File.WriteAllText(_keys.Path, $"ok sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= observe\n{line}\n");
        var refused = Assert.Throws<UnusableFileException>(() => ApiKeyFile.Read(_keys.Path));
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
    }

    [Fact]
    public void A_file_that_is_not_there_is_refused() => Assert.Throws<UnusableFileException>(() => ApiKeyFile.Read(_keys.Path));

    private static (int Code, string Output, string Errors) Run(string name, string[] grants, string? file)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        return (KeyCommand.Run(name, grants, file, output, errors), output.ToString(), errors.ToString());
    }
}
