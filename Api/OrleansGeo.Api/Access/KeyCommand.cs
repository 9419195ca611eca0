using System.CommandLine;
using OrleansGeo.Security;

namespace OrleansGeo.Api.Access;

/// <summary>The command that makes a key, for every program that has a REST interface.</summary>
public static class KeyCommand
{
    private const int Refused = 2;

    /// <summary>The command with its options.</summary>
    public static Command Make()
    {
        var name = new Option<string>("--name") { Description = "whose key it is: letters, digits, '-' and '_'", Required = true };
        var grants = new Option<string[]>("--grant")
        {
            Description = $"what it may: {Grant.Forms}; each right includes those before it. May be given several times",
            Required = true,
        };
        var file = new Option<string?>("--api-keys")
        {
            Description = "the file to add the key's line to, made when it is not there; without it the line is printed",
        };
        var command = new Command("key", "makes an API key, and prints it this once: hosts keep only its hash") { name, grants, file };
        command.SetAction(parsed => Run(
            parsed.GetValue(name)!, parsed.GetValue(grants)!, parsed.GetValue(file), Console.Out, Console.Error));
        return command;
    }

    /// <summary>Makes a key.</summary>
    public static int Run(string name, IReadOnlyList<string> grantTexts, string? file, TextWriter output, TextWriter errors)
    {
        try
        {
            var (key, text) = New(name, grantTexts);
            if (file is null)
            {
                output.WriteLine($"key:  {text}");
                output.WriteLine($"line: {key}");
                return 0;
            }

            ApiKeyFile.Add(file, key);
            output.WriteLine(text);
            return 0;
        }
        catch (UnusableFileException refused)
        {
            errors.WriteLine($"key: {refused.Message}");
            return Refused;
        }
    }

    private static (ApiKey Key, string Text) New(string name, IReadOnlyList<string> grantTexts)
    {
        if (!ApiKey.IsName(name))
        {
            throw new UnusableFileException($"--name {name} is not 1 to 63 letters, digits, '-' and '_'.");
        }

        var grants = new List<Grant>();
        foreach (var text in grantTexts.SelectMany(static texts => texts.Split(',')))
        {
            grants.Add(Grant.TryParse(text, out var grant)
                ? grant
                : throw new UnusableFileException($"--grant {text} is not {Grant.Forms}."));
        }

        return ApiKey.New(name, grants);
    }
}
