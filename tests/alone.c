/* Links one layer with what stands below it and nothing else: a wrong include upward does not link. */
int main(void)
{
	return 0;
}
