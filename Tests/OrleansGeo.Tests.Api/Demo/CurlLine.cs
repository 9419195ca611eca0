using System.Text;

namespace OrleansGeo.Tests.Api.Demo;

/// <summary>A curl line as the demo prints it, read as a shell and curl would.</summary>
public sealed record CurlLine(HttpMethod Method, Uri Address, string? Data, IReadOnlyList<(string Name, string Value)> Headers,
    bool Retries)
{
    public static CurlLine Parse(string line)
    {
        var words = Words(line);
        Assert.Equal("curl", words.Dequeue());
        var (method, data, address, retries) = ((string?)null, (string?)null, (string?)null, false);
        var headers = new List<(string, string)>();
        while (words.TryDequeue(out var word))
        {
            switch (word)
            {
                case "-X":
                    method = words.Dequeue();
                    break;
                case "-d":
                    data = words.Dequeue();
                    break;
                case "-H":
                    var header = words.Dequeue().Split(": ", 2);
                    headers.Add((header[0], header[1]));
                    break;
                case "--retry":
                    retries = true;
                    words.Dequeue();
                    break;
                case "--retry-delay":
                    words.Dequeue();
                    break;
                case "-sS" or "-sSi" or "-sf" or "--retry-all-errors":
                    break;
                default:
                    Assert.Null(address);
                    address = word;
                    break;
            }
        }

        return new(new(method ?? (data is null ? "GET" : "POST")), new(address!), data, headers, retries);
    }

    public HttpRequestMessage ToRequest()
    {
        var request = new HttpRequestMessage(Method, Address);
        if (Data is not null)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(Data));
        }

        foreach (var (name, value) in Headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
            {
                Assert.True(request.Content!.Headers.TryAddWithoutValidation(name, value));
            }
        }

        return request;
    }

    private static Queue<string> Words(string line)
    {
        var words = new Queue<string>();
        var (word, quoted) = (new StringBuilder(), false);
        foreach (var character in line + " ")
        {
            if (character == '\'')
            {
                quoted = !quoted;
            }
            else if (character == ' ' && !quoted)
            {
                words.Enqueue(word.ToString());
                word.Clear();
            }
            else
            {
                word.Append(character);
            }
        }

        Assert.False(quoted);
        return words;
    }
}
